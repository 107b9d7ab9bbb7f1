-- Figures of the suppressed cells of what was published: only who publishes reads them, to hide the same cells again.
set role lakou_publisher;

create table published.hidden_figures (
    publication_id bigint not null,
    programme_code text not null,
    indicator_code text not null,
    measure text not null,
    period_grain text not null,
    period_start date not null,
    territory_level text not null,
    territory_code text not null,
    partner_code text not null,
    axis text not null,
    member text not null,
    n numeric not null,
    numerator numeric not null,
    denominator numeric not null,
    value numeric not null,
    heads numeric not null,
    -- the threshold that it was hidden under
    smallest numeric not null,
    -- shown by an earlier publication, with the same figures
    is_known boolean not null
);
create index on published.hidden_figures (publication_id);
reset role;
