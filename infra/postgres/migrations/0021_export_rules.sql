-- Labels of the rules on files that partners' tools export: those known, and four more.
set role lakou_publisher;

do $$
begin
    execute
        'create or replace view pub.rule_labels as ' || rtrim(pg_get_viewdef('pub.rule_labels'::regclass), '; ') ||
        ' union all select * from (values'
        ' (''EXPORT-SANS-CORRESPONDANCE'', ''Export d’un outil non déclaré''),'
        ' (''EXPORT-APPAUVRI'', ''Export qui a perdu des lettres''),'
        ' (''EXPORT-AMBIGU'', ''Export que deux sources expliquent''),'
        ' (''EXPORT-HORS-PERIODE'', ''Export sans la période annoncée''),'
        ' (''SOURCE-AUTOMATIQUE'', ''Période déjà tirée d’une source'')'
        ') as more (rule_id, rule_label)';
end
$$;

reset role;
