-- Rows of people who were erased are refused when a partner or its tool still sends them.
create table ops.erased_people (
    erasure_id bigint not null references ops.erasures,
    -- keyed hash of a keyed hash: equal to nothing else that is kept, so that it links nothing
    digest text not null,
    hmac_key_id text not null,
    -- it holds for the periods that began until that day: whoever comes again later is a new person
    erased_on date not null,
    primary key (erasure_id, digest)
);
create index erased_people_day on ops.erased_people (erased_on);

set role lakou_publisher;

do $$
begin
    execute
        'create or replace view pub.rule_labels as ' || rtrim(pg_get_viewdef('pub.rule_labels'::regclass), '; ') ||
        ' union all select * from (values (''PERSONNE-EFFACEE'', ''Personne effacée à sa demande''))'
        ' as erased (rule_id, rule_label)';
end
$$;

reset role;
