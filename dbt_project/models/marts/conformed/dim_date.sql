with
days as (
    select generate_series(date '2020-01-01', date '2032-12-31', interval '1 day')::date as date_on
),

final as (
    select
        date_on,
        date_trunc('month', date_on)::date as month_start,
        date_trunc('quarter', date_on)::date as quarter_start,
        {{ semester_start('date_on') }} as semester_start,
        date_trunc('year', date_on)::date as year_start,
        extract(year from date_on)::integer as year_number,
        extract(quarter from date_on)::integer as quarter_number,
        extract(month from date_on)::integer as month_number,
        (array[
            'janvier', 'février', 'mars', 'avril', 'mai', 'juin',
            'juillet', 'août', 'septembre', 'octobre', 'novembre', 'décembre'
        ])[extract(month from date_on)::integer] || ' ' || extract(year from date_on) as month_label,
        'T' || extract(quarter from date_on) || ' ' || extract(year from date_on) as quarter_label,
        extract(isodow from date_on) > 5 as is_weekend
    from days
)

select * from final
