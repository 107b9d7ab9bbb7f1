"""The production stack of docker-compose.yml: its secrets, its first start, what each container runs."""
