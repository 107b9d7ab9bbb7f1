-- What is kept no longer: when a publication's figures were dropped.
alter table ops.publications add column pruned_at timestamptz;
