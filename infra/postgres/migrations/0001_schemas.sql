-- Schemas and who may do what in each.
revoke create on schema public from public;
create schema raw;
create schema quarantine;
create schema ops;
create schema staging authorization lakou_dbt;
create schema intermediate authorization lakou_dbt;
create schema marts authorization lakou_dbt;
create schema published authorization lakou_publisher;
create schema pub authorization lakou_publisher;

grant usage on schema raw, quarantine, ops to lakou_loader, lakou_dbt, lakou_publisher;
grant create on schema raw to lakou_loader;
alter default privileges in schema raw, quarantine, ops grant select on tables to lakou_dbt;
alter default privileges in schema raw, quarantine, ops grant select, insert on tables to lakou_loader;
alter default privileges in schema ops grant select on tables to lakou_publisher;
alter default privileges in schema raw, quarantine, ops grant usage on sequences to lakou_loader;

set role lakou_dbt;
grant usage on schema marts, intermediate, staging to lakou_publisher, lakou_loader;
alter default privileges in schema marts grant select on tables to lakou_publisher, lakou_loader;
alter default privileges in schema intermediate grant select on tables to lakou_loader;
set role lakou_publisher;
grant usage on schema pub to lakou_reader;
grant usage on schema pub, published to lakou_loader;
alter default privileges in schema pub grant select on tables to lakou_reader, lakou_loader;
reset role;
