-- A build looks for the links that began or ceased since the last one, among those of everybody.
create index person_links_from on ops.person_links (known_from_build);
create index person_links_to on ops.person_links (known_to_build) where known_to_build is not null;
