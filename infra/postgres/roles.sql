-- Roles of the warehouse: each does one thing. Run by `lakou migrate` as the administrator, before the migrations.
-- Passwords are set from the secret files by the caller; nothing here is secret.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['lakou_loader', 'lakou_dbt', 'lakou_publisher', 'lakou_reader'] loop
        if not exists (select 1 from pg_roles where rolname = role_name) then
            execute format('create role %I login', role_name);
        end if;
        -- PostgreSQL 16 gives a creator no SET on the roles it creates, and the migrations hand schemas over
        execute format('grant %I to current_user with set true', role_name);
    end loop;
end
$$;
alter role lakou_reader set default_transaction_read_only = on;
alter role lakou_reader set statement_timeout = '30s';
