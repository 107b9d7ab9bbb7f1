"""The drop: an SFTP server of one folder a partner."""
