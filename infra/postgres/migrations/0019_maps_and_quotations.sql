-- Map of the communes, forecasts as a curve with its band, and the link that shows a value as it was published.
set role lakou_publisher;

-- Outlines drawn in the units of a picture 746 wide and 900 high, north up; a label stands where it fits.
-- Source: IGN, Admin Express COG 2018, simplified in the repository gregoiredavid/france-geojson (commit 45daa2d); Licence Ouverte.
-- The same map for another territory: its communes here under another drawing, in a new migration.
create table published.commune_outlines (
    drawing text not null,
    territory_code text primary key,
    label_x integer not null,
    label_y integer not null,
    path text not null
);
insert into published.commune_outlines (drawing, territory_code, label_x, label_y, path) values
('972', '97201', 185, 126, 'M144 134l-9 0-3-1-3 0 0-2-2-1-4 0-3 1-1 0 0-4-3-5 1-4 0-1 1 0 2 4 4 1 5 0 5 0 9 3 1 3 3 1 5 0 3-2 2-3 1-4 2-2-1-1 2-1 2-2 2 0 2-3 3-1 2-3 2 0 3-3 2-1 3-1-1-1 4-3 0-1 6 0 3-2 1 2 2-3 3 0 0-3 4 0 2 0 3 1 3-2 3-3 4 0 1-1 4-2 2 1 1 0 2 1 4 2-2 3 0 4-2 2 1 4 0 1-4 3 0 2 3 2-1 4 3 2 0 1-2 3-1 1-3-2-1 1 1 2-4 6-2-1-2 0-2 4-2 0-1 0 0 2-3 3-2 2-3 1-6 4-5 3-3 0-3 0-4 2-4-1-2-2-9 0-4 2-6-2-3-2-4 0-1-2-2-3-1-1z'),
('972', '97202', 264, 666, 'M313 777l-3 2-2 1-5 0-3-2-2 0-3-2-4-3-1-2-2-3 0-5-1-4-1-3-2 0-2-3-3-1-3 1-2 0-3 2-6-2-3-3-2-6 2-3-2-2 1-1 2 0 3-2 1-3-1-3 0-2-1-4 1-3 0-4-1-2-1-2-4-3-2 1 0 1-3 0-2-1-2 0-5-2 2-2 0-2 0-5 2-1 3 1 4-1 1-1 0-4-1-4-1-4-4-3-3 0-2-2-2 0-2 2-5 1-2 0-7-2-1-1 0-3 2-3 3-1 1-3 1-1 0-1-1-4 0-4 4-4 1-2 0-5 2-1 4 0 2 0 1-2-1-2 1-1 2 2 1 0 1-2-1-1-2-3 0-2 2-3 0-2 6-1 0-2 3-2 3 0 4-5 0-3 3 0 1-2 2 0 1 2 2 0 1 6 1 2 3 3 0 2 3 2-4 2 2 3 6 11 7 11 0 4 5 9 0 3 1 1 0 2 3 3 0-1 0 1 5 1 1 1 0 4-3-1 0 5 3 1 3-1 3 2 1 3 1 0 1 3 1-2 2-1 1 4 2 1-5 4 0 3-7 4-1 1 1 2-2 3-1 1-3 0-2 2 2 1 1 2-1 2 1 2 0 4 2 0 3 4-1 4-1 2 2 5 1 2-3 7-6 5 6 5-1 2 0 4z'),
('972', '97203', 203, 58, 'M116 115l3-4 1-1 2-6 3-1 2-2 1-3 0-3 3-3 2-1 3-3 3-2 2-3 5-2 1-4 7-8-1-2 2-3 0-3 1 0 2-3-2-1 2-4 2-2 2-3 5-10 2-2 1-2 3-2 1-2 4-5 0-3 3-3 0-3 3-6 5 3 2 0 3 3 4 1 4-2 3 0 2 2 7 5 3 0 2 0 2 2 2 1 1 2 6 2 3 0 2 5 9 10 4 2 4 1 5 0 1 2-2 2-3 6-2 2-3 0-3 6 0 4-2 3 1 4-1 3-4 0 0 2-1 4-5 3-4-2-2-1-1 0-2-1-4 2-1 1-4 0-3 3-3 2-3-1-2 0-4 0 0 3-3 0-2 3-1-2-3 2-6 0 0 1-4 3 1 1-3 1-2 1-3 3-2 0-2 3-3 1-2 3-2 0-2 2-2 1 1 1-2 2-1 4-2 3-3 2-5 0-3-1-1-3-9-3-5 0-5 0-4-1-2-4-1 0z'),
('972', '97204', 112, 291, 'M109 374l-1-3-2-2-1-4-2-2-2-3-2-2 0-2-3-3-2-4-5-9-2-1 1-3-4-7-1-6-3-6-1-4 1-9 1-4 3-7 0-3 0-5 4-10 0-4 1-3 3 1 1 2 3-1 1-1 8-2 4-3 2 1 1 2-1 2 3 4 1 2 5 0 2-2 4-1 3-4 2-1 3-1 2 2 0 3 1 3 2 0 1 1 1 3 4-1 1 2 3-3 4 1 0 1 5 1 1-2 2 5 2 1 3 3 2-1 2-3 2 1 3 3 3 0 1 1 6 3 3 3 3 0 0 1-3 0-4-2-5-2-8 1-2 3-3 2-4 1-6-2-2 1-3 3-3 1-3 0 0 2-2 0-3 3-7 0-4-1-2 1-1 5 1 4-2 2 1 4-1 5 4 3 0 3 1 1 1 4 2 4-1 2-3 2-1 1-4 4 1 2-3 1-1 2 0 2-1 2-3 1-1 1 0 4-1 2-1 1-3 6z'),
('972', '97205', 176, 415, 'M199 461l-3-1-1-3-3 0-1 2-2 0-2-2-6-4-3 1-2-3-4-1-2 3-4-1 0-3-2-2-2-3-1 0-1-4 2-1 0-2-3-4-3 0 0-3-4-2-2-1-2 0-1-1-2 0-3-3-2 0-3-2 0-3 0-5-2-3-1-1 2-1 4 0 2-3 4-2 2 1 3-1 8-5 1-1 2-3 3-2 8-4 5-3 4-6-3-1-9-3 2-3 2-1 1-1 3 0 1-2 0-2 2-1 0-1-1-3 1-9 3-4 2-2 3 0 4 1 5-1 3 0 2 2 2 2 1 3 0 4 1 2 3 1 7 6 0 4-1 5 3 0 0 1 1 2 0 3-2 4 0 3-1 0-2 7-1 3 0 2-1 2-1 2 2 1 1 5 1 2 0 3-3 5-3 0-2 5-1 5-2 1-3 2-1 2 0 2-2 0 0 3 2 4-1 3-3 5-1 3 0 3 3 1z'),
('972', '97206', 364, 710, 'M304 683l8 0 7-2 2-1 3 0 1-6 6 2 2 0 1 3-1 2 4 1 1 3 13 2 0-3 2-2 4 0 3 0 0-3 7 0 2 1 3-1 1 3 2 2 5-1 1 4 1 2 3-1 7-1 2-2-2-10 2-1 4 2 0 3 3 0-1 6 0 4 1-1 5 1 2-2 1 2 1 0 2 3 2 0 1 4 4 0 3-2 0-1 1-4 0-4 2 2 8 2 0 3 4 0 0 1 0 4 0 5 0 2 3 0 1 2 2 5-1 9-4 2-1-1-3 1-1 1 2 2 2 1 1 2-1 5 0 4-2 0-1 4 1 1-1 4-2 0-4-4 1-2-3-3-3-4-1 1 0 4 1 1 2 3 0 4-2 3 2 1 0 2 1 2-2 3-2 0-2-1 0-2-3-1-5 1-3-2-2-3 0-4-1-2-3-3-1-4-2-2-2 1-1 2-1 2-2 2-1 3 3 5-3-1-3-2 0-1-2-1-2-2-2-2-4-2-2-4-2-2-2-1-4 0-8 3-12 4-7 2-6 4-4 1-5 6-1 0-2 4-1 3 1 4-2 3 0 2-2 5-3 2-5 3-3-2 0-4 1-2-6-5 6-5 3-7-1-2-2-5 1-2 1-4-3-4-2 0 0-4-1-2 1-2-1-2-2-1 2-2 3 0 1-1 2-3-1-2 1-1 7-4 0-3 5-4-2-1-1-4-2 1-1 2-1-3-1 0-1-3-3-2-3 1-3-1 0-5 3 1 0-4-1-1-5-1zM338 802l-3-2 1-2 3-1 1 2 0 2z'),
('972', '97207', 466, 548, 'M406 586l-1-1-1-5-1-4 3-4 0-4-2-2 1-3 4 1 2-2 1-1 0-3-1-3 2-1 2-2 3 0-1-3 0-5-1-2 2-1 3 1 1-1 1 0 3-3 11-11 2-3 4 0 5-1 2-5 0-2 3-2 0-2 3-9 5-2 2 0 5-5 2 0 3 4 2-2 1-3 4 0 3 1 2-2 4 0 1 1 3 1 8 2 0 2 2 3 2 1 3 2 1 2 3 0 2-2 3 1 2 3 0 4-1 3 4 0 1 2-1 4 1 3-1 7 0 1-2-2-1 2-1 5-2 2 0 2-1 2-2 0-1 2 1 2-2 0-2 5-1 2 1 1 0 6 0 1-4-1-2-2 0 4-2 0-2 1 0 1-3 0 0 4 3 2 1 2-9-1-1 1-1 7 3 0-1-2 3 1 3-1 2 2-2 2 1 2-3 1 0 2-6 0 0-2-2 0-1 3-1 1 4 3-4 4-3 0-3 0-2 0-2 1-2 4-2-1-2 1 0 1 1 3-2 0-3-3-1 2-5 1-8 2-3-2 1-5-1-2-6 2-13 3-3 1 0-3-3-3 0-2-1-2-3-1-4 0-1-3 2-1 0-3-4-5-2 2-2-1z'),
('972', '97208', 221, 288, 'M191 293l-3 0-3-3-6-3-1-1-3 0-3-3-2-1-2 3-2 1-3-3-2-1-2-5-1 2-5-1 0-1-4-1-3 3-1-2-4 1-1-3-1-1-2 0-1-3 0-3-2-2-3 1-8-4 2-2 5-4 1 2 1-3-7-3-3-1-3-1 1-2 2 1 0-3 3-3 5 0 7 1 1 1 5 0 7 0 6 0 4 0 2-3 3 0 6 0 3-1 2-2 1-3 3 6 2 2 2 0 3 2 2 0 3 3 2 3 4 1 4-2 1-1 3-2 1 6-1 4 4 0 2 1 4-1 2 2 2 2 1 3-1 4 2 2 1-2 4-3 1-3 2-2 3-1 5-5 0-2 2-1 2-1 2 1 2-1 3-4 3 2 0 2 2 1 0 3 0 2 0 5 2 3 5 6 3 4 3 3-2 2-3 1-4 0-1 1-1 1-3 4 0 6 2 4 0 3 0 2 2 5 0 2 2 2 0 2-3-1 0 3-2 0-4-1-4-1-4 6-2 2 0 3-1 1-2 4-3 2-3 1-3 4-1-1-1-4 0-3-2-1-2-1-5 1 0-3 0-1-4-1-2-1-5 3 0-4-2-6-4-5 0-4-2 0-1-4 0-3-1-2z'),
('972', '97209', 302, 460, 'M228 337l3-4 3-1 3-2 2-4 1-1 0-3 2-2 4-6 4 1 4 1 2 0 0-3 3 1 1 1 3 0 1 2 2 4 4 0 2 4 3-2 0 2-2 2-6 3-3 1-1 0 0 4-6 6-1 1 1 3 1 1 1 4 0 3 3 2 0 3 3 3-2 1-1 2-5 5-1 3 0 6 8 0 3 2 4 0 0 2 2 2 3-1 0 3 1 2 5 4 4 1 2 0 5 4 2 0 1 4 1 2 3 2 1 4 2 1 1 2 0 3-2 3 3 1 2 1 5 1 2 1 1 2-1 2 2 2 4 0 0-1 9-1 0 3 2 1 0 2 3 2 2 0 2 1 3 0 0 2 2 2 1 3 1 2 0 7 1 4 0 3-2 3 0 3-2 4 2 1-1 2 0 2-1 4 2 1 0 2-2 1-1 3 2 5-1 8 0 4-4 0-1-1-1 1 0 4 2 2 0 3 2 5 1 4 2 2-1 2 0 2-4-3-3-1 0-2-6 2-2 0-2 1-2-1 0-3-1-1 0-2-2 0-1 1-4 0-4 1-3 4-5 1-3-1 1-2-2-2 5-9 1-3-3-1-1 2 2 2-5 4-1-1 1-3-3 1-2 0-1-3-2 1 1 4 1 2-1 4-2-1-1-5-1-2-5-2-3 1-1 1-3 1-2-2-4 2-3-1-2 1-2 0-2 2-1 0-2 2-3-2-2 1-2-1-3 2-1-2 1-3-1-3 2-2 0-1 3-4 0-4-1-2 3-4 4-5 1-3 4-3 1-5-2-1 0-4 0-2-1-7-1-5 2-1 1-3-1-1-1-3 1-4-2-2-1-3-2-1-1-4-2-1 1-4-1-2-3-3 0-4-1-2 0-3-2-2-4 1-3-3-1-13-4 1 0-3-1-2-1-5 0-3-1-3 0-2-1-3 1-1 1-7-1-1-1-5-1-3-1-4-3-2 0-1-2-2 1-4 0-7 2 0z'),
('972', '97210', 578, 512, 'M522 534l0-1 1-7-1-3 1-4-1-2-4 0 1-3 0-4-2-3-3-1-2 2-3 0-1-2-3-2-2-1-2-3 0-2 3-2 1-3 0-2-2-1-3-5 0-5-1-1 0-4-1-2-1-4 0-4 0-1 3 0 0-4 1 0 2-1-1-3-2-3-3-3 2-2 2-1 4 3 3-3 3 2 1-2 6 5 2-1 3 2 4 1-1-3 1-1 11-1 3-5 5-8 4-5 2-4 3-1 1-4 4-2 0-3 3-4 2 0 12-3 2 0 1 2 2 1 11-3 3 10-3 0-2 3-2-1-4-5-1 0-4-2-1 1 3 3 0 2-2 0-2 2-2-1-2 1 0 3 2 1 6 1 3 1 3 1 0 3 2 0 2 3 4 1 2-2 2 0 2-2 3 2 0 1-3 1-2-1-4 2 0 1-2 1 2 2 0 2-1 3 1 1 3-3 2 2-2 2 0 2 2 2 0 1-1 2-2 0-1-2-3 0 0 2 2 1-2 3-3-1-3 0 2 3 0 6-3 2 0 3 2 2 2-1 2 0 2 2 3-1 6 2 0-4 1-1 2 0 1 2 1 4-2 3 1 3 2-1 1-1 0-4 4-2 2 1 0 2 2 0 1-1 1-3 2 0 2-3 2 0 2 3 0 1 3 1 3 0 3-1 2 3-1 1-2 0-2 0-1 2-2 1-4 0-1 3-2 1-1 2 1 4 5 1-1 3 1 1 3 1 3 1 2 1 2 2 0 4 2 3-1 2-4-1-2 1-1 3 0 4 3 1 1 2 2 1 2 1-1 3 2 3 4-3 4 1 3 2 5 2 2-2 1-3 3-1 2 0 1-3 2 1 0 2 1 1 0 3 1 1 2-1 2 3-3 3 1 3-8 6-4 2-6 1-3 1-5 2-5 2-1 1-3 1-3 0-1 2-3 3-4-5-3 0 0 5-5 0-3-1-6 0 1 11-5-1-7 0 1 4-1 5-3-1-4 2-2 1-5-5 0-2-3-5 0-2-6 2-2-3-2-3 0-2-5 0 0-2-2-3-1-2-3 1-3-2-1-2-4 1 0-1-6-2-2 1 0 1-9 0-4-2-2 1-1-2 1-6-2 0-1-3-2 0-4-3zM652 497l2-3 4-1 2-2 0-2 3 0 5-2 1-1 2 0-1 3 1 3 4 1-2 1-2-1-2 1-2-2-5 0-2 3-6 1zM607 457l-2-2 0-3-2-1 2-3 2 0 0 2 1 2 2-1 2 1 0 2-3 1zM676 469l-3-3 3-1 1-3 2 0 0 2 2 2-2 2zM649 479l0-2 7-3 1-2 2-1 0 3-3 1-1 2zM668 458l2 1 1 4-2 1-2 0-1-1z'),
('972', '97211', 81, 39, 'M112 113l-2-1-4 1-2-1-3-3-2-5-3-2-5 0-1 1-2-2-2-1-3-3-3-2 0-6-2-3-2 0-2 2-3-2-4 0 1-3 2-3-2-6 2-7 0-3-4-4-4-1 0-4-2-1-1-2-4-4-4-3-2-2 2-3-2-2-1 0-3-4 0-3 1-1 3 0 5-2 3-1 3-1 3-3 6-2 3-1 2-1 2-3 2 0 3-1 2-2 2-4 2-2 1 0 5 2 5-2 6-3 5 0 3-1-1 6 0 4 1 4 1 1-1 2 1 3-1 2 1 3-2 3-2 1 2 6-1 3 0 4-1 1 3 7 2 8-1 3 1 2 0 2 3 1-2 5 0 3 1 1 0 5-2 7-1 2-1 4 2 3 0 5-2 5z'),
('972', '97212', 338, 295, 'M417 377l0-2-4-2 1-2-3 0-2-2-3-1 0-2-3-1 2 3-2 1-2 1-2-2 1-1-2-1-1 0-2-2-4 1 0-4-1-1 0-2-1-1-2 1-2-2-5 1-2-1-7-10-3-1-2-2-2-2-4-2-2 2-3 0 0-3-2-2-3-1-1-2-6 7-5-2-10-4-3-3-1-3-2-3-3 5-5-3-2-1-2 0-4-1-2-2-2-2-3 0-2-2-3-1-5-3-2-1-2-3-2-2-4 0-1-2-7-5-5-5-1-2-3-4-1-2-3-3-1-3 1-1 4 0 3-1 2-2 2-3 1 0 4 0 3-2 3-3 3-1 1-3 3 0 2-3 2-1 3-1 2 1 2 0 3-2 2 0 2-2 4 0 2-2 1-4 2-4 0-2 2 1 2 1 4 1 0 1 7 2 5 1 2 1 2-1 6 1 5 4 3 4 2 0 3 2 1-2 2 2 6-1 2-1 3 3 5 1 2 0 1 2 3 5 5-3 2 0 1 1 1 2 2-1 5 3 1-2 3 0 2 2 7 2 4 5 2-1 1 2 1 2 4 2 3 1 3 1-1 3 2 2 2-1 1 2 0 2 2 5-1 2 4-1 2 2 3 0 0 2 0 2-1 1 0 2 9 8-1 7-1 0-1 3-3 7-3 6-4-2-2 4-2 0-4-1-2 3-2 1 3 2-2 6 0 1-3 1-2 2 2 1 0 1 1 1-2 2-4-2-1 5 1 3z'),
('972', '97213', 421, 457, 'M406 586l-1 0-2-1-1-2-2-1-3 0-2-1-2 1-1 2-2 1-3-2 2-3 0-3-2-1 1-4-1-2-4 0-1-4 3-2 1-3 3-3 1-2 0-4-1-1-4 1-3-1 0-1-1-5-2-2-2 2-1-2-3-2-1-1-4 3-2-1-2-2 0-2 2-1 0-3-1-4 0-3 3 1 5-2 1-2 2-1 2-3 0-5-3-4-3 1 0-2 9-1 2-2-5 0-1-2-2 2-2 0-4-1 0-2-1-2 1-1 4-2-2-3 0-2 2-1 1-3-3-1-4 2-1-2-1-1-4 2-1 3-1 3-4 1-2 1-1 2-4-1-2 1-2-1-2 2 0-4 1-8-2-5 1-3 2-1 0-2-2-1 1-4 0-2 1-2-2-1 2-4 0-3 2-3 0-3-1-4 0-7-1-2-1-3-2-2 0-2-3 0 0-4-1-3 6 0 1-1 3 0 0-1 3 0 3-1 0-2 4 0 1 3 6-5 1 1 3-2 1-2 1 2 2-2 0-1 3-1 3 0-1 5 2 0 1-3 1-3 5-2 1-2 2 0 1-2 7-3 1 0 3 6 6-2 8-4 2-6-4-2 1-2 2-1-2-2 1-6-1-3-2-2 1-3 4-2 2-5-1-3 1-5 4 2 2-2-1-1 0-1-2-1 2-2 3-1 6 10 2 0 1-2 2 1-1 2 5 4 0 2-1 2 1 0 0 3 3 1 3 3-1 2 1 2 1 0 1 2 4 2-2 3 2 2 1 3 1 1 4-2 5 2 1 2 3 2-1 3 3 1 8 0-2 3 2 2-1 4 1 1 6 3 2 3-1 3 2 2 2 0 0 2 2 1-1 2 0 7 4 0 0 3 1 4 1 1 3 3 2 3 1 3-2 1-1 0 0 4-3 0 0 1 0 4 1 4 1 2 0 4 1 1 0 5 3 5 2 1 0 2-1 3-3 2-8-2-3-1-1-1-4 0-2 2-3-1-4 0-1 3-2 2-3-4-2 0-5 5-2 0-5 2-3 9 0 2-3 2 0 2-2 5-5 1-4 0-2 3-11 11-3 3-1 0-1 1-3-1-2 1 1 2 0 5 1 3-3 0-2 2-2 1 1 3 0 3-1 1-2 2-4-1-1 3 2 2 0 4-3 4 1 4 1 5z'),
('972', '97214', 266, 137, 'M255 243l0-4-2-4-3-1-4-6 4-4 2-4 0-4 1-3 0-4 0-6-2-2-3-1-1-2-3-2-3 1-2-1-7 0-2-1 1-4 0-4-1-4 0-3-1-4-2-2-2-1-3-2 0-7-4-1-3-7 1-3-1-1 1-7 1-10 0-3-2-2 2-4 2 0 2 1 4-6-1-2 1-1 3 2 1-1 2-3 0-1-3-2 1-4-3-2 0-2 4-3 0-1-1-4 2-2 0-4 2-3 5-3 1-4 0-2 4 0 1-3-1-4 2-3 0-4 3-6 3 0 2-2 3-6 2-2-1-2 4 2 4 3 2 4 1 1 2 2 3 2 1-1 3 1 0 2 4 2 3-1 7 1 2 0 1 3 1 4 1 2 5 4 5 4 5 2 4 1 4-1 3-2 2 0 2-3 4-2 2 0 0 2 3 3 1 0 0 3 1 2-2 1-3 3 0 3-1 3-5 4-1 2-2 5 0 1-3 7-1 4 1 2-1 4 0 4-2 2-1 4-3 7-1 4 2 4 0 7-1 3-3 2-2 5 1 3-1 5 1 4 2 3-2 1-3 1-1 2 3 4-1 1-1 2-4 2 1 2-1 2-2 2-2 2 2 3 0 1-3 1 0 1 2 4 0 4 0 3-2 3 0 2 2 2 0 1-3 1-2 2-4 0-1 2-2 2-2 1-1-3-1 0-5 3-2 3-3-2-2 0-6 1-2 2-3-1z'),
('972', '97215', 145, 21, 'M112 113l0-4 2-5 0-5-2-3 1-4 1-2 2-7 0-5-1-1 0-3 2-5-3-1 0-2-1-2 1-3-2-8-3-7 1-1 0-4 1-3-2-6 2-1 2-3-1-3 1-2-1-3 1-2-1-1-1-4 0-4 1-6 1-1 4 0 6-1 10 2 3-1 8-2 3 3 5 0 5-1 4 0 3 3 4 2 2 0 2 0 6 0 4 1 2 2-3 6 0 3-3 3 0 3-4 5-1 2-3 2-1 2-2 2-5 10-2 3-2 2-2 4 2 1-2 3-1 0 0 3-2 3 1 2-7 8-1 4-5 2-2 3-3 2-3 3-2 1-3 3 0 3-1 3-2 2-3 1-2 6-1 1-3 4-1-1z'),
('972', '97216', 345, 120, 'M267 279l-3-3-3-4-5-6-2-3 0-5 0-2 0-3-2-1 0-2 4-3-1-2 0-2 5-3 3 1 2-2 6-1 2 0 3 2 2-3 5-3 1 0 1 3 2-1 2-2 1-2 4 0 2-2 3-1 0-1-2-2 0-2 2-3 0-3 0-4-2-4 0-1 3-1 0-1-2-3 2-2 2-2 1-2-1-2 4-2 1-2 1-1-3-4 1-2 3-1 2-1-2-3-1-4 1-5-1-3 2-5 3-2 1-3 0-7-2-4 1-4 3-7 1-4 2-2 0-4 1-4-1-2 1-4 3-7 0-1 2-5 1-2 5-4 1-3 0-3 3-3 2-1 3 2 3 1 4-2 5 0 4 1-1 2 0 4-4 4 0 3 5 1 4 0 2-1 1 1 4 1 0 1 3 6 0 7 1 4 3 3 0 2-1 1-4 1-4 3 0 1-2 1-1 2-2 2-3 0-1 2-1 2 1 3-5 2-3 3-5 0-3 3 0 1-3 2-2 2-1 6-3 1-8 8 0 7 1 1 4 2 2 6-1 4-1 0-2 0-3 3-1 3-2 3-3 1-1 2 3 3 2 1 1 4-3 2-4 4-4 6 0 1 2 2 0 2-2 2 0 4 2 3 1 4-1 2 1 2 0 2-2 4-1 4-2 2-4 0-2 2-2 0-3 2-2 0-2-1-3 1-2 1-2 3-3 0-1 3-3 1-3 3-3 2-4 0-1 0z'),
('972', '97217', 662, 719, 'M572 774l7-1 1-1 2-2 3-5 2-6-3-6 4-4 6-3-4-5 2-1-1-3 5-1 5-1 1-5 0-3 2-2 1-4 0-4 4 1 0-5 6-1 0-3 2-2 2-1 5-2 1-1 2 0 2-2 2-2 2-3-1-2 0-4 6-1-1-8 2 1 0-2 1-3 1 1 3-1 0-4 3 1 1-1 0-5 0-2 5 0 2-1 2 1 0 7 4 0-1 3-1 2 5 1 2 3 2 1 1 1 3 1 2 0 3 6 1 3 5-4 4-2 3 0 3-1 3 2 2 0 2 2 7 2 3 0 3 2 5 1 3 2 0 5 1 3 3 3 2 0 2-1 0-3 2 0 0 2 1 2 2-1 3 6-1 4 0 2 1 3 3 4 4 4-2 5-2 2-1 4-1 2-5 2-2 1-2 1-1-2 1-5-2-2-3 1 0 2 0 3-3 2 0 1-3 0-1-1-3 1-4 2-4 0 0-2-5-1-1-1-4 0-2 0-5 0-3 0-1 3-3 0 0-3 1-3-5-1 1 4-1 1-7 2-1 2-1 1-4 0-1 2-1 0-2 1-10 5-3 1 2-2-2-3 1-3-2-1-2-2-6 1-1 1-3 0-3-1-1-2-2-1-2 0-3 3 2 1-2 3-4 0-2 2-1 2-2-1-2 2 0 1-2 1-2 2-1 2-2 1 0 3-3 0-1 1-2 3-2 3 1 5-8 5-3 4-1 1-3-4 1-1 0-3-2-2-5-2-3-2z'),
('972', '97218', 189, 211, 'M171 243l-5-2-1-1-4-1-3-4 0-1-2-1 0-1-6-4-2 1-1-3 0-1-2-1-1-2-2-2 0-2-1-1-2 2 1 3-2 1-2 0-1 1-3-1-2-1-2 0-2-4 2-7-2-2 2-3 3-1 1-1 1-3-1-6 2 0 2-2 2-3 2 0 3-2-1-4 5-3 0-3 2-3-1-4 0-4 2-7 0-3-2-2 0-3-1-3 0-4-2-3-1-3 0-5 3 2 1 1 2 3 1 2 4 0 3 2 6 2 4-2 9 0 2 2 4 1 4-2 3 0 3 0 5-3 6-4 3-1 2-2 3-3 0-2 1 0 2 0 2 2 0 3-1 10-1 7 1 1-1 3 3 7 4 1 0 7 3 2 2 1 2 2 1 4 0 3 1 4 0 4-1 4 2 1 7 0 2 1 3-1 3 2 1 2 3 1 2 2 0 6 0 4-1 3 0 4-2 4-4 4 4 6 3 1 2 4 0 4 0 2 1 2-4 3-3-2-3 4-2 1-2-1-2 1-2 1 0 2-5 5-3 1-2 2-1 3-4 3-1 2-2-2 1-4-1-3-2-2-2-2-4 1-2-1-4 0 1-4-1-6-3 2-1 1-4 2-4-1-2-3-3-3-2 0-3-2-2 0-2-2-3-6-1 3-2 2z'),
('972', '97219', 48, 118, 'M27 178l-2-1-2-5-5-7-2-5-2-6-2-6-3-3-3-2-2-3 0-3 1-5-3-4-1-5-1-5 0-6 1-3-1-5 2-5 1-2 2-4 0-4 1-3 4-3 0-1 0-3 1-2 0-3 3-3 2-2 2-3 0-5 2 0 1-3 3 0 2-1 1-4 2-3-1-2 1-1 0-2 2-2 1-2 1-3 4-2 3-5 3 0 2 0 0 3 3 4 1 0 2 2-2 3 2 2 4 3 4 4 1 2 2 1 0 4 4 1 4 4 0 3-2 7 2 6-2 3-1 3 4 0 3 2 2-2 2 0 2 3 0 6 3 2 3 3 2 1 2 2 1-1 5 0 3 2 2 5 3 3 2 1 4-1 2 1 3 1 1 1 1 2 0 1-1 4-1-2-4-2-1 0-4 1-1 3-1 4-4 1-2 1-2 2-7 4-4 3-7 4-2 0-11 4-3 3-5 3-6 2-2 3-3 1-2 1-3-2-3 2-2 3-2 4-2 1 0 3-2 3-1 1-2 4z'),
('972', '97220', 592, 668, 'M572 774l-1-1-3-3-3-2-1-3 1-2 1-6 1-4-1-1 0-3 1-5-2-2-1-4-1-5 1-5-1-1 1-3-2-4-2-6 1-1-2-4 0-3-2-3-1-2-1-4-2 0-2-3 0-4-4-2 0-2-3-1 0-3-3 1 0-5 1-5 0-5 1-3-6-2-5-1 2-8 2-1 1-6 5 1 1 2-1 4 4 0 1-1-1-2 1-1 0-3 2 0 0-3-11-3 2-15 3 0 1-2 6 2 2 1 3 1 8 3 0-1 3-1 1 4 3-1 1-3 8-1 0-2 7 0 0 2 2-1 6-1-1-7-3 0 3-3 0-5 2 0 5-1 1-2 2 2 0 3 2 1 2-1 4 4 3 2 2 3 0 2-4 2 1 2 3 3 1 2 2-1 3 2 0 2 1 0 2-1 2 0 8 1 2 3 2-2 0 4 2 1 0 5 3 1 0 6 3 1-1 7-2 2 1 3 3 1 0 5-1 1-3-1 0 4-3 1-1-1-1 3 0 2-2-1 1 8-6 1 0 4 1 2-2 3-2 2-2 2-2 0-1 1-5 2-2 1-2 2 0 3-6 1 0 5-4-1 0 4-1 4-2 2 0 3-1 5-5 1-5 1 1 3-2 1 4 5-6 3-4 4 3 6-2 6-3 5-2 2-1 1z'),
('972', '97221', 469, 650, 'M401 679l1-5 1-15 2-22-4-1 2-1 0-7 0-7-1-1 1-1 3-3 0-2 2-1 4 0 2-2 5-1 0-3-1-2-3 0 0-1-3-1 1-2 3-1 3 1 2 5 2 1 1 2 2-3 3-1 13-3 6-2 1 2-1 5 3 2 8-2 5-1 1-2 3 3 2 0-1-3 0-1 2-1 2 1 2-4 2-1 2 0 3 0 3 0 4-4 1-1 3 1 0 3 2 1 3-1 2-1 3 0 2 8 12 2 10 1 3 4 2 0 1 3 8 9-1 3-2 15 11 3 0 3-2 0 0 3-1 1 1 2-1 1-4 0 1-4-1-2-5-1-1 6-2 1-2 8 0 3 0 5-1 5-2-2 0 6-1 3-3 1 0 3-5 0 0 1-3 1-2 1-3 1-5 3-2 0-1 1-2 0-3 2-1 1-3 0-2 1-1 4-1 0-13-1 0-5-3-3-13-1 0 3-25-2 0-1-4 0 0-3-8-2-2-2 0 4-1 4 0 1-3 2-4 0-1-4-2 0-2-3-1 0-1-2-2 2-5-1-1 1 0-4z'),
('972', '97222', 477, 357, 'M497 450l-1-1-1-4 0-3-4 0 0-7 1-2-2-1 0-2-2 0-2-2 1-3-2-3-6-3-1-1 1-4-2-2 2-3-8 0-3-1 1-3-3-2-1-2-5-2-4 2-1-1-1-3-2-2 2-3-4-2-1-2-1 0-1-2 1-2-3-3-3-1 0-3-1 0 1-2 0-2-5-4 1-2-2-1-1 2-2 0-6-10 0-1 2-6-3-2 2-1 2-3 4 1 2 0 2-4 4 2 3-6 3-7 12 5 0-2 3-3 1-4 0-2-3-1 1-3 2 1 0 2 5-1 2 0 3-2 4 1 10-5 1 0 9-3 1 3 1-1 3-1 2-2 1 1 6 0 3-3 2 1 1-1 3-2 3-3 4-3-1-3 1-1 2-1 1-1 1 0 2 1 0 2-4 3-2 1-3 3-1 4 2 3 2 1 5 0 2 0 6-2 4-4 3 1 1-2 2-1 1-5 0-1 1-2 1 0 3 2 3-2 1 4-2 1 0 5-2 2 1 2 2 1 1 1-1 2-2 1 0 3 2 2 3 1 1 2 3 2 2 1 3-1 2-1 3-1 4-1-2 4 5 2-3 2 1 2-1 2-3 0-1-1-2 1-2-1-3 3 1 2-2 1 1 2-1 2-2 0 0 2-3 3-1-2 0-5-1-1-8 2-3 0 0 1-2 3-2 0-4 1-3-1-2 0-4 2-1 3 0 5 5 6 4 1-1 2-2-2-3 1-2 0-2 0-7-7-3 1-2-3-1 3 0 1-1 2 0 6-1 4-2 1-3 4-2-1-2 1 1 6 1 3 2 1 2 0 0 2 1 1 2 0 3 1 2 0 1 2-1 1 1 5 2 2 1 3 1 2 3 2 1 3 2 2 4 0 2-1 2 0 1-3 1 0 4 0 1 2 2-1-1-6 2-1 1-3 1-2 2 0 1-2-1-2 4-2 1 0 4-3 2 0 0 4 2 2 3-2 3 2 1-2-1-4 0-1 5 0-1 4 3 3 0 1 2-1 2-5 5 0-2 4 0 1-2 3 1 1 2-1 5-1 1 4 1 1 2-2 2 2 1-1 0-2-2-2 1-2 0-3 2-3 3-1 3 0 5 0 2 2 2 3-2 3-1 1 1 2-1 1 1 2-1 1-2-2-1 1-1 1 2 4-1 2 0 3-1 1-4-2 1-1-2-4-2 0 0 3 1 2 0 3-1 3-1 0-2-1-2 1-2 1-3-10-11 3-2-1-1-2-2 0-12 3-2 0-3 4 0 3-4 2-1 4-3 1-2 4-4 5-5 8-3 5-11 1-1 1 1 3-4-1-3-2-2 1-6-5-1 2-3-2-3 3-4-3-2 1zM605 347l-3 0-2-2-1-4-5-1-7-5 2-2 2 2 4 1 0-2 5 2 1-1 1 0 2-1 4-1 0 2 3 1 3 2 3 0 5 4-1 2-3-1-2-2-3 2-3 0-2 1-1-2-2 1 0 3zM616 354l-2-1-2-6 1-1 3 5zM566 357l-1-2 2-2 2-1 0 3-1 2z'),
('972', '97223', 542, 583, 'M489 594l-4-3 1-1 1-3 2 0 0 2 6 0 0-2 3-1-1-2 2-2-2-2-3 1-3-1 1 2-3 0 1-7 1-1 9 1-1-2-3-2 0-4 3 0 0-1 2-1 2 0 0-4 2 2 4 1 0-1 0-6-1-1 1-2 2-5 2 0-1-2 1-2 2 0 1-2 0-2 2-2 1-5 1-2 2 2 0 1 4 3 2 0 1 3 2 0-1 6 1 2 2-1 4 2 9 0 0-1 2-1 6 2 0 1 4-1 1 2 3 2 3-1 1 2 2 3 0 2 5 0 0 2 2 3 2 3 6-2 0 2 3 5 0 2 5 5 1 2-2 1 2 2 3 1 0 2 2 2 0 1 2 6 1 3 1 0 1 2-2 5 1 1-1 2-5 1-2 0 0 5-3 3 3 0 1 7-6 1-2 1 0-2-7 0 0 2-8 1-1 3-3 1-1-4-3 1 0 1-8-3-3-1-2-1-6-2-1 2-3 0 1-3-8-9-1-3-2 0-3-4-10-1-12-2-2-8-3 0-2 1-3 1-2-1 0-3-3-1z'),
('972', '97224', 331, 373, 'M417 377l-4 2-1 3 2 2 1 3-1 6 2 2-2 1-1 2 4 2-2 6-8 4-6 2-3-6-1 0-7 3-1 2-2 0-1 2-5 2-1 3-1 3-2 0 1-5-3 0-3 1 0 1-2 2-1-2-1 2-3 2-1-1-6 5-1-3-4 0 0 2-3 1-3 0 0 1-3 0-1 1-6 0 1 3 0 4-2-1-2 0-3-2 0-2-2-1 0-3-9 1 0 1-4 0-2-2 1-2-1-2-2-1-5-1-2-1-3-1 2-3 0-3-1-2-2-1-1-4-3-2-1-2-1-4-2 0-5-4-2 0-4-1-5-4-1-2 0-3-3 1-2-2 0-2-4 0-3-2-8 0 0-6 1-3 5-5 1-2 2-1-3-3 0-3-3-2 0-3-1-4-1-1-1-3 1-1 6-6 0-4 1 0 3-1 6-3 2-2 0-2-3 2-2-4-4 0-2-4-1-2-3 0-1-1 0-2-2-2 0-2-2-5 0-2 0-3-2-4 0-6 3-4 1-1 1 3 3 3 1 2 3 4 1 2 5 5 7 5 1 2 4 0 2 2 2 3 2 1 5 3 3 1 2 2 3 0 2 2 2 2 4 1 2 0 2 1 5 3 3-5 2 3 1 3 3 3 10 4 5 2 6-7 1 2 3 1 2 2 0 3 3 0 2-2 4 2 2 2 2 2 3 1 7 10 2 1 5-1 2 2 2-1 1 1 0 2 1 1 0 4 4-1 2 2 1 0 2 1-1 1 2 2 2-1 2-1-2-3 3 1 0 2 3 1 2 2 3 0-1 2 4 2z'),
('972', '97225', 93, 172, 'M89 268l0-1 3-4 1-4 1-6-1-7-1-3-2-2-2-4-4-5-2-1-2-4-2-4-4-3-4-3-3-2-1-3-4-1-3-3-4-2-2-5-2-4-4-5 0-4-4-5-3-3-5-1-5 0-3-1 0-1 2-4 1-1 2-3 0-3 2-1 2-4 2-3 3-2 3 2 2-1 3-1 2-3 6-2 5-3 3-3 11-4 2 0 7-4 4-3 7-4 2-2 2-1 4-1 1-4 1-3 4-1 1 0 4 2 1 2 3 5 0 4 1 0 3-1 4 0 2 1 0 2 3 0 3 1 9 0 0 5 1 3 2 3 0 4 1 3 0 3 2 2 0 3-2 7 0 4 1 4-2 3 0 3-5 3 1 4-3 2-2 0-2 3-2 2-2 0 1 6-1 3-1 1-3 1-2 3 2 2-2 7 2 4 2 0 2 1 3 1 1-1 2 0 2-1-1-3 2-2 1 1 0 2 2 2 1 2 2 1 0 1 1 3 2-1 6 4 0 1 2 1 0 1 3 4 4 1 1 1 5 2-6 0-3 0-2 3-4 0-6 0-7 0-5 0-1-1-7-1-5 0-3 3 0 3-2-1-1 2 3 1 3 1 7 3-1 3-1-2-5 4-2 2 8 4-2 1-3 4-4 1-2 2-5 0-1-2-3-4 1-2-1-2-2-1-4 3-8 2-1 1-3 1-1-2z'),
('972', '97226', 675, 799, 'M648 761l3-1 10-5 2-1 1 0 1-2 4 0 1-1 1-2 7-2 1-1-1-4 5 1-1 3 0 3 3 0 1-3 3 0 5 0 2 0 4 0 1 1 5 1 0 2 4 0 4-2 3-1 1 1 3 0 2 2 4 0 2 2 1 2-1 1 1 2 3 1 1 4 1 1 1 3 2 2 8 1 0 1-3 0-7-2-2 1 1 2-1 1-2-1-2 1-3 2-2 3-1 2 0 3-3 1-1 1 0 4 3 6-2 3-2 3 0 4 0 2-2 4 1 0-3 4-3 1-1-1-4 2-1 2-2 1-2 0 0 1 3 4-1 3-2 3-2 0 0 3 2 0-1 4-1 0-7 2-2-1 0-1-1-5-3-3-5-1-6 1-1 2 1 2-2 5 1 1 4-1-1 5 6-3 2 2-1 2-1 1 0 2-2 3 3 1 1 0 6 0 3 1 1 2-1 1-1 5-3 0-3-2-1-2-3-2-3 0-3 3-4 4-1 4-4 2-1 1 0 2-3 1 0 3 1 2-3 0 1 3-1 1 1 4-2 0-1-1-4 1 1 3-3-1-5 1-1-2-3 0-2 1-2 3-2 0-7-3-3 0-3-1-3-1 0-1 3-1 0-3-1-2-4-3-4-2-3-2-2 1-2-4 1-2-2-3-2-1 0-1 3-1 0-2 0-3-2-2-4-3-3-1-5-4 0-3 1-1 3-1 2-1 1-2 4-4 1-1 1-2 1-4 1-2 1-2 2-1 2-3 3-7 1-1-2-7-1-2-4-4-1-4 0-4 1 0-1-3 1-1 2 0 2 2 3 6 2 0 1 2 2-1 1-3 3 0 3 1 1 0-1-4 0-1-1-1-1-3 2-3 0-2 0-2 2 0 1 2 2-1 2 0 2 2 3 0 3 0 1-2-2-2-4 0 0-2 1-2 2-1 1-1 4-2 1-2-2-2zM714 828l-3-1-2-2 0-2 1-2 2-1 3 0 1-1 2 3-1 4zM643 900l-3-4 1-3 2 1 1 5z'),
('972', '97227', 511, 728, 'M438 728l-1-2-2-1-2-2 1-1 3-1 1 1 4-2 1-9-2-5-1-2-3 0 0-2 0-5 0-4 25 2 0-3 13 1 3 3 0 5 13 1 1 0 1-4 2-1 3 0 1-1 3-2 2 0 1-1 2 0 5-3 3-1 2-1 3-1 0-1 5 0 0-3 3-1 1-3 0-6 2 2 1-5 0-5 0-3 5 1 6 2-1 3 0 5-1 5 0 5 3-1 0 3 3 1 0 2 4 2 0 4 2 3 2 0 1 4 1 2 2 3 0 3 2 4-1 1 2 6 2 4-1 3 1 1-1 5 1 5 1 4 2 2-1 5 0 3-2 0-2 1-4 0-2 0-1-5-1 0 0 4-2 2 0 2-3-1-4 1-2 2-4 0-4 3-3 1-4 2-5 0-2-3-3 0-7 1 0-3-3-1-3 0-1-1-4 0-4 0-3 0-2 1-4 2-2-1-1-3-2-2-3 1-3-2-1-5-2-1-3-2-3 0-5 2-1 0 1 3-2 1-4 2-2 2-2-2-3 0-3-5 3-3 1-5-4-3 0-3-4-5-3 1zM445 743l-2 0-1-4 3-2 0 3z'),
('972', '97228', 383, 205, 'M368 263l-2 1-6 1-2-2-1 2-3-2-2 0-3-4-5-4-6-1-2 1-2-1-5-1-7-2 0-1-4-1-2-1-2-1-1-2 1-2-1-4-2-3 0-4 2-2 0-2-2-2 0-1 4-6 4-4 3-2-1-4-2-1-3-3 1-2 3-1 2-3 1-3 3-3 2 0 1 0 1-4-2-6-4-2-1-1 0-7 8-8 3-1 1-6 2-2 3-2 0-1 3-3 5 0 3-3 5-2-1-3 1-2 1-2 3 0 2-2 1-2 2-1 0-1 4-3 4-1 1-1 4 3 3 1 3 1 3 0 4-3 2-2 2 2 3 1 3-1 0-1 3 0 1 2-3 3-1 2 0 5-2 1-1 3 2 4 1 2 2 2 5 3 2 0 0 4-1 3 3 5 1 0 4 4 2 1 4 1 0 3 2 3 1 2 3 3 1 1 1 1 2-2 4 1 1-1 3-2 3 4-1 2 1 2-5-1-2 1 1 2 3 3 1 1 0 3 3 2 3 1 2 0 2 0 1 1 0 3-1 1 2 4 1 2-2 2-4 1-1-1-2 1-3 4-1 3-1 1-2-1-1 1 0 4-2 3-4 3-1 1-2-1-4-1-2-1-5 2-2 0-4 1-1 5 2 1-2 2-3 5-2-1-2 2-4 2-1-1-2 0-1-3-3 2-2 2-2 0 1 4-1 1 1 1-3 1 2 2-4-1-3 2 2 1-3 3-2 0 0-2-4-1-3 0-2 0 1 2zM428 170l-1-2-2 0-1-1 2-2 4 0 0 2zM472 197l-2-2 0-3 4 2 0 3z'),
('972', '97229', 229, 451, 'M246 512l-3 0 0-2-3-5-3-3 0-3-3 0-1-5 0-3-2-2-2 0 0-3-2-2-3 0-1-1 0-3-2-3-3-3-3-3-3-1-2-2 0-3-3-2-8-2 0-2-3-1 0-3 1-3 3-5 1-3-2-4 0-3 2 0 0-2 1-2 3-2 2-1 1-5 2-5 3 0 3-5 0-3-1-2-1-5-2-1 1-2 1-2 0-2 1-3 2-7 1 0 0-3 2-4 0-3-1-2 0-1-3 0 1-5 0-4-7-6-3-1-1-2 0-4-1-3-2-2-2-2 0-2 0-4 1-2 1-4 3-3 0-6 5-3 2 1 4 1 0 1 0 3 5-1 2 1 2 1 0 3 1 4 1 1-1 2-2 0 0 7-1 4 2 2 0 1 3 2 1 4 1 3 1 5 1 1-1 7-1 1 1 3 0 2 1 3 0 3 1 5 1 2 0 3 4-1 1 13 3 3 4-1 2 2 0 3 1 2 0 4 3 3 1 2-1 4 2 1 1 4 2 1 1 3 2 2-1 4 1 3 1 1-1 3-2 1 1 5 1 7 0 2 0 4 2 1-1 5-4 3-1 3-4 5-3 4 1 2 0 4-3 4 0 1-2 2 1 3z'),
('972', '97230', 464, 280, 'M368 263l3 1-1-2 2 0 3 0 4 1 0 2 2 0 3-3-2-1 3-2 4 1-2-2 3-1-1-1 1-1-1-4 2 0 2-2 3-2 1 3 2 0 1 1 4-2 2-2 2 1 3-5 2-2-2-1 1-5 4-1 2 0 5-2 2 1 4 1 2 1 1-1 4-3 2-3 0-4 1-1 2 1 1-1 1-3 3-4 2-1 1 1 4-1 2-2 5 2 2 2 2 0 1 3 2 4-2 5 0 3 2 2 0 2 2 3 3 3 1 1-1 2 0 2 2 2 0 3-1 3 2 3 2 1 3 1 2 1 2 1 3-2 1-1 2-4 0-3 1-2 0-4 1-2-1-3 1-2 2-2 1-1 2-3 3-1 0-2 1 0 4-2 0-4 1-1 4 1 2-2 10-3 2-3 2 0 2-3 3 1 1-1 2 1 4 0 0-1 3 0-1 2 3 4 2 2 4 0 2-1 4-4 1 0 5-1 2-1 2-3 0-2-1-1 5-3 2 3 5-2 2 0 3-1 1-1 0-4 4 0 4 0 0-2 3-2 4-2 0-1 2 0 0-3 4-4 1-1 2-4 4 0 2 4-2 2 1 1 5-1 6 1 0 1 2 1 4 0 2 1-1 2 0 2 4 1-1 3-2 1 1 4-3 2 0 2 0 4 3 2 1 1 0 2 3 1-2 3-2 1-3-2-4 0-4-1-2-3-2-5 0-5-2-2-1 0-2 3-1 1-3 0-3-2-1 1-3-1-3 2 0 7-4-1-2 2-1 5 5 3 4 1 2 0 2 5 2 0 0 4-1 1 0 2-2 1-1 3-4-2-1-2-2 1-1 1-1 4-2 0-2 1-2 4 2 3 3 0 1 1 2-1 2 1 4 1 2 2-3 1 0 2 1 3-1 2-2-3-1 1-4-1-1 1 1 3 1 0 0 3-3-3-2 0-3 1-2 0-1-4-2-1-4 0-3 2-3 2-2 0-2-2-1-6 0-2-1-4 0-2-3-2-4-2-1-1-2-1-5 1-2-2-1-2-4-1-2-3-7 1-3 2-4 0-5-3-3 2-1 2 0 3-1 3-1 1-2 4-3-2-2 1-1 2-1 4 0 3 2 2 1 2 5 3 2-1 2 1-1 3-2-1-4 1-2-1-2-1-1 1 0 2 1 2-3 1-1 5 0 3 1 3 2 3 2 2 4 1 2 0 1 2-1 2 2 3 3 3 5 1 3-1 0-4 0-2 3-2 1-3 4 1 1-1 2-1 2 2 0 1-2 2-3-1-2 3-1 3-1 0-1 1-2 1-1 1 1 3-4 3-3 3-3 2-1 1-2-1-3 3-6 0-1-1-2 2-3 1-1 1-1-3-9 3-1 0-10 5-4-1-3 2-2 0-5 1 0-2-2-1-1 3 3 1 0 2-1 4-3 3 0 2-12-5 1-3 1 0 1-7-9-8 0-2 1-1 0-2 0-2-3 0-2-2-4 1 1-2-2-5 0-2-1-2-2 1-2-2 1-3-3-1-3-1-4-2-1-2-1-2-2 1-4-5-7-2-2-2-3 0-1 2-5-3-2 1-1-2-1-1-2 0-5 3-3-5-1-2-2 0-5-1z'),
('972', '97231', 333, 650, 'M304 683l0 1-3-3 0-2-1-1 0-3-5-9 0-4-7-11-6-11-2-3 4-2-3-2 0-2-3-3-1-2-1-6 6 1 2 1 3 0 1 0 5-3 0-2-1-3 2-2 2-4 2-1 1-2-1-2 2-2 3 0 2 2 4-1 3-3 1-1 0-2-2-5 0-1 2-1 1-5 1-3 1 1-1 2 1 4-1 1 1 2 2-2-1-2 2-1 2 0-1 5-2 2 0 2-1 2-2 4 3 0 6-2 4 0 1-1 3-1 1-1 2-3 2-2 2 0 2 3 0 4-1 4 1 2-5 4-5 0-1 0-1 2 1 1 3 6 2 2 8 0 0 3 2 0 0-3 2-1 4 3 3 0-1 2-3 3 1 2 7-1 1 4 1 0 3-4 0-2 3-2 2 0 2 2 1-2 2 0 3 1 1 2-1 3 2 0-1 3 4-1 2 0 2-1 0-4 3-2 0-2 3-3 1-1 3 1 2 2 1 3-1 2-3 1 0 2 4-3 3-4 1-2 1 1 0 7 0 7-2 1 4 1-2 22-1 15-1 5-3 0 0-3-4-2-2 1 2 10-2 2-7 1-3 1-1-2-1-4-5 1-2-2-1-3-3 1-2-1-7 0 0 3-3 0-4 0-2 2 0 3-13-2-1-3-4-1 1-2-1-3-2 0-6-2-1 6-3 0-2 1-7 2zM370 610l-1-1 0-3 7-3 2 0 1 3-2 2-3 0-2 2z'),
('972', '97232', 647, 602, 'M648 668l-3-1-1-3 2-2 1-7-3-1 0-6-3-1 0-5-2-1 0-4-2 2-2-3-8-1-2 0-2 1-1 0 0-2-3-2-2 1-1-2-3-3-1-2 4-2 0-2-2-3-3-2-4-4-2 1-2-1 0-3-2-2-1-1 2-5-1-2-1 0-1-3-2-6 0-1-2-2 0-2-3-1-2-2 2-1-1-2 2-1 4-2 3 1 1-5-1-4 7 0 5 1-1-11 6 0 3 1 5 0 0-5 3 0 4 5 3-3 1-2 3 0 3-1 1-1 5-2 5-2 3-1 6-1 4-2 8-6 2 2 2 0 2-1 1 4-2 0-6-1-2 1-1 4 2 1 2 1 2-1 3 1 5 1 4-1-1 2-3 2-3-1-2 2-4 1-1-1-4 1-1-1-2 2 0 3 3 4-1 4 2 2 6-4 2 2 3-3 1-1 2 0 0 2-3 5-5 1-2 3 2 2 4-1 6-3 3 0-1 2 1 2-2 4-2 2-3 2-1 1 5 1 2-1 6-6 2-2 7-4 1-1 1-2 1-1 2-2 4 1 4 1-4 2 0 2-2 1-1 2 0 4-1 3 0 1-2 2-2 1-2 4-3-1-2 3 0 2 0 6-2 0-2 2 2 1 0 2 3 4 4 2 0-3 3 2 1 2 1 2 2 0 2 4 1 2 1 1 0 3 1 2-3 1 0 1-2 0-4 0-2 1-4 0-1 1-3 2 2 2 4-1 2 1 0 2 3-1 4-1 4-2 3 1 2 6 0 1-3 4 0 1 0 8-1 1-3-2-2-3-2 0-4 1-1 0-3 2-1 2 1 2 2 2 1 3-2 0-4 2 2 3-3 3 0 3 2 1 2 2 4-2-1-2 5-4 3-1 6 0 3 4 0 2 1 2 1 4-2 3-1 4 1 2 2 1-2 4 0 4-3-2-5-1-3-2-3 0-7-2-2-2-2 0-3-2-3 1-3 0-4 2-5 4-1-3-3-6-2 0-3-1-1-1-2-1-2-3-5-1 1-2 1-3-4 0 0-7-2-1-2 1-5 0zM694 574l0-3 5-5 3 2-1 3z'),
('972', '97233', 167, 323, 'M191 293l5 4 1 2 0 3 1 4 2 0 0 4 4 5 2 6 0 4 0 6-3 3-1 4-1 2 0 4 0 2-3 0-5 1-4-1-3 0-6 1-3-1-3 1-3 0-2 1-2-1-3 1-3-1-3 3-1-1-1-2-7 1-4-2-2-3-3 2-2-1-2-2-2-2-1 0-2-4-1-4-1-1 0-3-4-3 1-5-1-4 2-2-1-4 1-5 2-1 4 1 7 0 3-3 2 0 0-2 3 0 3-1 3-3 2-1 6 2 4-1 3-2 2-3 8-1 5 2 4 2 3 0z'),
('972', '97234', 145, 367, 'M109 374l2-1 3-6 1-1 1-2 0-4 1-1 3-1 1-2 0-2 1-2 3-1-1-2 4-4 1-1 3-2 1-2 1 0 2 2 2 2 2 1 3-2 2 3 4 2 7-1 1 2 1 1 3-3 3 1 3-1 2 1 2-1 3 0 3-1 3 1 6-1-2 2-3 4-1 9 1 3 0 1-2 1 0 2-1 2-3 0-1 1-2 1-2 3 9 3 3 1-4 6-5 3-8 4-3 2-2 3-1 1-8 5-3 1-2-1-4 2-2 3-4 0-2 1-5-1-2-5-1-3 0-3-1-3-4-4-1-3-1-1-3-4 0-2-2-2-2-1z');

create function pub.markup_text(words text) returns text
language sql immutable parallel safe
return replace(replace(replace(replace(words, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;');

-- One commune's figure as the map writes it: short, and a sign where there is none.
create function pub.map_sign(value numeric, unit text, state text) returns text
language sql immutable parallel safe
return case
    when state like 'SUPPRIME%' then U&'\00D7'
    when value is not null
        then case
            when unit in ('ratio', '%') then pub.french_number(100 * value, 0) || U&'\00A0%'
            else pub.french_number(value, case when value = trunc(value) or value >= 100 then 0 else 1 end)
        end || case when state = 'INCOMPLET' then '*' else '' end
    when state = 'NON_APPLICABLE' then 's.o.'
    when state = 'INCOMPLET' then '*'
    else U&'\00B7'
end;

-- A picture of the communes, one row a quarter: a table shows it as it is, without a tile server and without a script.
create view pub.steering_maps as
select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    i.indicator_code,
    i.indicator_code || ' · ' || i.label as indicator,
    i.display_order as indicator_order,
    q.quarter_label,
    q.period_start,
    coalesce(
        (
            with
            figures as (
                select v.territory_code, v.value, v.unit, v.state, v.target
                from published.indicator_values as v
                where
                    v.publication_id = (select c.publication_id from published.pointer as c)
                    and v.programme_code = g.programme_code
                    and v.indicator_code = i.indicator_code
                    and v.period_grain = 'quarter'
                    and v.period_start = q.period_start
                    and v.measure = 'counted'
                    and v.territory_level = 'commune'
                    and v.partner_code = 'TOTAL'
                    and v.axis = 'TOTAL'
            ),

            cells as (
                select
                    o.label_x,
                    o.label_y,
                    o.path,
                    regexp_replace(coalesce(t.label, o.territory_code), '^(Le |La |Les |L.(?=Aj))', '') as label,
                    f.value,
                    f.target,
                    coalesce(f.state, 'NON_REMIS') as state,
                    pub.map_sign(f.value, f.unit, coalesce(f.state, 'NON_REMIS')) as sign,
                    max(f.value) over () as highest,
                    max(f.unit) over () as unit
                from published.commune_outlines as o
                left join figures as f on o.territory_code = f.territory_code
                left join pub.territories as t on t.territory_level = 'commune' and o.territory_code = t.territory_code
                where
                    o.drawing in (
                        select k.drawing from published.commune_outlines as k inner join figures as g on k.territory_code = g.territory_code
                    )
            ),

            coloured as (
                select
                    c.*,
                    case
                        when c.state like 'SUPPRIME%' then 'url(#s)'
                        when c.value is null and c.state = 'NON_REMIS' then 'url(#m)'
                        when c.value is null then '#e4e4e4'
                        when c.value <= 0 then '#fff'
                        else (array['#dff1f2', '#a9d9dd', '#6fbcc4', '#3c9fab'])[least(4, 1 + trunc(4 * c.value / c.highest))::integer]
                    end as fill
                from cells as c
            ),

            drawn as (
                select
                    string_agg(
                        '<path d="' || c.path || '" fill="' || c.fill || '"/>', '' order by c.label_y, c.label_x
                    ) as outlines,
                    string_agg(
                        '<text x="' || c.label_x || '" y="' || c.label_y || '"><tspan class="c">' || pub.markup_text(c.label)
                        || '</tspan><tspan class="v" x="' || c.label_x || '" dy="17">' || c.sign || '</tspan></text>',
                        '' order by c.label_y, c.label_x
                    ) as labels,
                    max(c.highest) as highest,
                    max(c.unit) as unit,
                    count(*) as communes,
                    count(*) filter (where c.value > 0) as measured,
                    count(*) filter (where c.value = 0) as zeros,
                    count(*) filter (where c.state like 'SUPPRIME%') as secret,
                    count(*) filter (where c.value is null and c.state = 'NON_REMIS') as missing,
                    count(*) filter (where c.value is null and c.state not like 'SUPPRIME%' and c.state <> 'NON_REMIS') as without,
                    count(c.target) as targets,
                    count(*) filter (where c.value >= c.target) as reached
                from coloured as c
            ),

            legend as (
                select
                    string_agg(
                        '<g transform="translate(0 ' || 24 * l.rank || ')"><rect width="26" height="18" fill="' || l.fill || '"/><text x="13" y="14">'
                        || l.sign || '</text><text class="l" x="36" y="14">' || l.words || '</text></g>',
                        '' order by l.rank
                    ) as lines
                from (
                    select row_number() over (order by k.position) - 1 as rank, k.fill, k.sign, k.words
                    from drawn as d
                    -- the least value of a class, so written that no value of the class before reaches it
                    cross join lateral (
                        select array_agg(ceil(n.quarter * d.highest / 4 * r.factor) / r.factor order by n.quarter) as bounds
                        from generate_series(1, 3) as n (quarter)
                        cross join (
                            select case when d.unit in ('ratio', '%') then 1000 when d.highest >= 8 then 1 else 100 end as factor
                        ) as r
                    ) as b
                    cross join lateral (
                        values
                        (1, '#3c9fab', '', 'à partir de ' || pub.value_text(b.bounds[3], d.unit, 'MESURE'), d.highest > 0),
                        (2, '#6fbcc4', '', 'à partir de ' || pub.value_text(b.bounds[2], d.unit, 'MESURE'), d.highest > 0),
                        (3, '#a9d9dd', '', 'à partir de ' || pub.value_text(b.bounds[1], d.unit, 'MESURE'), d.highest > 0),
                        (4, '#dff1f2', '', 'moins, mais pas zéro', d.highest > 0),
                        (5, '#fff', '0', 'zéro mesuré', true),
                        (6, 'url(#m)', U&'\00B7', 'non remis', true),
                        (7, 'url(#s)', U&'\00D7', 'secret statistique', true),
                        (8, '#e4e4e4', 's.o.', 'non applicable', true),
                        (9, 'none', '*', 'incomplet', true)
                    ) as k (position, fill, sign, words, is_shown)
                    where k.is_shown
                ) as l
            )

            select
                '<img width="620" height="745" alt="' || pub.markup_text(
                    i.indicator_code || ' · ' || i.label || ', ' || q.quarter_label || ', carte de ' || pub.count_text(d.communes, 'commune', 'communes') || ' : ' || d.measured || ' avec une valeur, '
                    || d.zeros || ' à zéro, ' || d.missing || ' sans remise, ' || d.secret || ' sous secret statistique, ' || d.without
                    || ' sans objet. Le tableau « Par commune » donne la valeur de chacune.'
                ) || '" src="data:image/svg+xml;base64,' || translate(
                    encode(
                        convert_to(
                            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -14 772 928" font-family="Helvetica,Arial,sans-serif">'
                            || '<style>path,rect{stroke:#41565b;stroke-width:1}text{text-anchor:middle;fill:#0b1f24;font-size:14px}'
                            || '.c{font-size:10.5px}.v{font-size:15px;font-weight:700}.h{font-size:14px;font-weight:700}.l,.h{text-anchor:start}'
                            || '.n{paint-order:stroke;stroke:#fff;stroke-width:2.5px;stroke-opacity:.75}</style>'
                            || '<defs><pattern id="s" width="7" height="7" patternUnits="userSpaceOnUse"><rect width="7" height="7" fill="#f6f1e6" style="stroke:none"/>'
                            || '<path d="M0 7L7 0" style="stroke:#b89b5e"/></pattern><pattern id="m" width="8" height="8" patternUnits="userSpaceOnUse">'
                            || '<rect width="8" height="8" fill="#fff" style="stroke:none"/><circle cx="4" cy="4" r="1.1" fill="#8a5a5a"/></pattern></defs>'
                            || '<rect x="-12" y="-14" width="772" height="928" fill="#fff" style="stroke:none"/>' || d.outlines || '<g class="n">' || d.labels || '</g>'
                            || '<g transform="translate(0 618)"><text class="h" y="-10">' || pub.markup_text(initcap(left(pub.unit_label(d.unit), 1)) || substr(pub.unit_label(d.unit), 2))
                            || '</text>' || l.lines || '<text class="l" y="250">' || case
                                when d.targets = 0 then U&'\25CB cible non fixée par commune'
                                else 'cible atteinte : ' || d.reached || ' sur ' || pub.count_text(d.targets, 'commune', 'communes')
                            end || '</text></g></svg>',
                            'UTF8'
                        ),
                        'base64'
                    ),
                    E'\n', ''
                ) || '">'
            from drawn as d
            cross join legend as l
            where d.communes > 0
        ),
        'Pas de carte : cet indicateur n’est pas publié par commune, ou les contours de ce territoire ne sont pas repris.'
    ) as map_html
from pub.programme_labels as g
cross join pub.indicators as i
cross join pub.closed_quarters as q
cross join pub.publication as p;

-- Each forecast as a curve: what is counted so far, then straight to the horizon between the bounds of the band.
create view pub.steering_forecast_series as
with
forecasts as materialized (
    select
        f.*,
        i.timing,
        case when f.unit in ('ratio', '%') then 100 else 1 end as factor
    from pub.forecasts as f
    inner join pub.indicators as i on f.indicator_code = i.indicator_code
    where f.state = 'PREVU'
),

quarterly as materialized (
    select m.*
    from pub.main_figures as m
    cross join pub.publication as p
    where m.period_grain = 'quarter' and m.period_end < p.business_date
),

-- as the forecast counts: towards the target, since the first of January, or the level of a stock
counted as (
    select f.programme_code, f.indicator_code, g.period_start, g.actual as figure
    from forecasts as f
    inner join pub.progress as g
        on
            f.programme_code = g.programme_code
            and f.indicator_code = g.indicator_code
            and g.is_main
            and g.period_grain = 'quarter'
            and f.target_type = g.target_type
    cross join pub.publication as p
    where f.timing <> 'stock' and pub.period_end('quarter', g.period_start) < p.business_date
    union all
    select
        f.programme_code, f.indicator_code, q.period_start,
        case
            when f.timing = 'stock' then q.value
            -- a quarter without a value leaves the sum since January without one
            when count(q.value) over year = count(*) over year then sum(q.value) over year
        end
    from forecasts as f
    inner join quarterly as q on f.programme_code = q.programme_code and f.indicator_code = q.indicator_code
    where f.timing = 'stock' or f.target_type is null
    window
        year as (
            partition by q.programme_code, q.indicator_code, date_trunc('year', q.period_start) order by q.period_start
        )
),

latest as (
    select distinct on (c.programme_code, c.indicator_code) c.*
    from counted as c
    where c.figure is not null
    order by c.programme_code, c.indicator_code, c.period_start desc
),

-- the last figure known is where the curves begin
coming as (
    select
        f.programme_code, f.indicator_code, s.quarter::date as period_start, l.figure,
        (s.quarter::date - l.period_start)::numeric
        / nullif(date_trunc('quarter', f.horizon_on)::date - l.period_start, 0) as share,
        f.low, f.median, f.high
    from forecasts as f
    inner join latest as l on f.programme_code = l.programme_code and f.indicator_code = l.indicator_code
    cross join lateral generate_series(
        l.period_start::timestamp, date_trunc('quarter', f.horizon_on), interval '3 months'
    ) as s (quarter)
),

points as (
    select
        coalesce(c.programme_code, k.programme_code) as programme_code,
        coalesce(c.indicator_code, k.indicator_code) as indicator_code,
        coalesce(c.period_start, k.period_start) as period_start,
        k.figure,
        c.figure + (c.low - c.figure) * coalesce(c.share, 1) as low,
        c.figure + (c.median - c.figure) * coalesce(c.share, 1) as median,
        c.figure + (c.high - c.figure) * coalesce(c.share, 1) as high
    from coming as c
    full join counted as k
        on
            c.programme_code = k.programme_code
            and c.indicator_code = k.indicator_code
            and c.period_start = k.period_start
)

select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    split_part(i.indicator_code, '-', 1) as line_code,
    i.indicator_code,
    i.indicator_code || ' · ' || i.label as indicator,
    pub.unit_label(i.unit) as unit_label,
    s.period_start,
    coalesce(
        pub.french_period(pub.period_code('quarter', s.period_start)),
        'sans prévision : ' || coalesce(n.reading, 'cet indicateur ne s’additionne pas')
    ) as period_display,
    f.factor * s.figure as display_value,
    f.factor * s.median as display_median,
    f.factor * s.low as display_low,
    f.factor * s.high as display_high,
    f.factor * f.target as display_target
from pub.programme_labels as g
cross join pub.indicators as i
cross join pub.publication as p
left join forecasts as f on g.programme_code = f.programme_code and i.indicator_code = f.indicator_code
left join points as s on f.programme_code = s.programme_code and f.indicator_code = s.indicator_code
left join pub.forecasts as n on g.programme_code = n.programme_code and i.indicator_code = n.indicator_code;

-- The address that shows a figure again as it was published, with its breakdowns.
create function pub.quotation_link(reference text, words text) returns text
language sql immutable parallel safe
return '<a href="/superset/dashboard/pilotage/?native_filters=(NATIVE_FILTER-reference:(extraFormData:(filters:!('
|| '(col:reference,op:IN,val:!(''' || reference || ''')))),'
|| 'filterState:(label:''' || reference || ''',value:!(''' || reference || ''')),'
|| 'id:NATIVE_FILTER-reference,ownState:()))#TAB-origine">' || words || '</a>';

-- a programme's own figures are found by their reference alone
create index on published.indicator_values (
    pub.value_reference(
        programme_code, period_grain, period_start, indicator_code, measure, territory_level, territory_code, partner_code,
        axis, member, publication_id
    )
)
where
    measure = 'counted' and territory_level = 'region' and partner_code = 'TOTAL' and axis = 'TOTAL'
    and territory_code not in ('NR', 'HORS', 'DIST');

-- Each figure of every publication that is kept, whatever was published since, its breakdowns, and what is known of them now.
-- Its columns have names of their own: of the filters, only the one of the reference reaches it.
create view pub.steering_quotations as
select
    v.publication_id,
    v.indicator_code,
    pub.value_reference(
        m.programme_code, m.period_grain, m.period_start, m.indicator_code, m.measure, m.territory_level, m.territory_code,
        m.partner_code, m.axis, m.member, m.publication_id
    ) as reference,
    pub.value_reference(
        v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure, v.territory_level, v.territory_code,
        v.partner_code, v.axis, v.member, v.publication_id
    ) as quoted_reference,
    v.indicator_code || coalesce(' · ' || i.label, '') as quoted_label,
    pub.french_period(pub.period_code(v.period_grain, v.period_start)) as quoted_period,
    coalesce(
        nullif(
            concat_ws(
                ', ',
                case v.territory_code
                    when 'NR' then 'territoire non renseigné'
                    when 'HORS' then 'hors du périmètre'
                    when 'DIST' then 'à distance'
                    else case when v.territory_level <> 'region' then coalesce(t.label, v.territory_code) end
                end,
                case when v.partner_code <> 'TOTAL' then coalesce(k.label, v.partner_code) end,
                case v.measure when 'contributed' then 'contribution' when 'attributed' then 'part attribuée' end,
                case when v.axis <> 'TOTAL' then coalesce(x.axis_label || ' : ' || x.member_label, v.axis || ' : ' || v.member) end
            ),
            ''
        ),
        'tout le programme'
    ) as quoted_margin,
    v.quoted_order,
    pub.value_text(v.value, v.unit, v.state) as quoted_text,
    pub.unit_label(v.unit) as quoted_unit,
    pub.state_label(v.state) as quoted_state,
    'n°' || U&'\00A0' || v.publication_id || ', arrêtée au ' || pub.short_date(s.business_date) as quoted_publication,
    coalesce(
        (
            select
                case
                    when n.value is not distinct from v.value and n.state = v.state then 'inchangé'
                    else pub.value_text(n.value, n.unit, n.state)
                end
            from published.indicator_values as n
            where
                n.publication_id = p.publication_id
                and n.programme_code = v.programme_code
                and n.indicator_code = v.indicator_code
                and n.measure = v.measure
                and n.period_grain = v.period_grain
                and n.period_start = v.period_start
                and n.territory_level = v.territory_level
                and n.territory_code = v.territory_code
                and n.partner_code = v.partner_code
                and n.axis = v.axis
                and n.member = v.member
        ),
        'n’est plus publié'
    ) as known_text,
    coalesce(i.formula, 'non renseignée') as quoted_formula,
    left(v.definition_hash, 12) as quoted_version,
    coalesce(
        (
            select 'toujours : clôture ' || string_agg(o.closing_id, ', ' order by o.closing_id)
            from pub.closings as o
            where o.publication_id = v.publication_id
        ),
        case
            when v.publication_id = p.publication_id then 'tant que cette publication est en cours'
            else 'un temps limité'
        end || ' ; toujours, si une clôture la retient'
    ) as kept_text
from published.indicator_values as m
-- figure by figure, each sorted by itself: without a reference only the first ones are read, whatever the number of publications
cross join lateral (
    select
        parts.*,
        case parts.territory_level when 'region' then 1 when 'epci' then 2 else 3 end
        + case when parts.partner_code = 'TOTAL' then 0 else 10 end
        + case when parts.axis = 'TOTAL' then 0 else 20 end
        + case when parts.territory_code in ('NR', 'HORS', 'DIST') then 5 else 0 end as quoted_order
    from published.indicator_values as parts
    where
        m.publication_id = parts.publication_id
        and m.programme_code = parts.programme_code
        and m.indicator_code = parts.indicator_code
        and m.period_grain = parts.period_grain
        and m.period_start = parts.period_start
    order by quoted_order, parts.measure desc, parts.territory_code, parts.partner_code, parts.axis, parts.member
) as v
inner join published.publications as s on v.publication_id = s.publication_id
cross join pub.publication as p
left join published.indicators as i on v.publication_id = i.publication_id and v.indicator_code = i.indicator_code
left join published.territories as t
    on v.publication_id = t.publication_id and v.territory_level = t.territory_level and v.territory_code = t.territory_code
left join published.partners as k
    on v.publication_id = k.publication_id and v.programme_code = k.programme_code and v.partner_code = k.partner_code
left join pub.axis_labels as x on v.axis = x.axis and v.member = x.member
where
    m.measure = 'counted' and m.territory_level = 'region' and m.partner_code = 'TOTAL' and m.axis = 'TOTAL'
    and m.territory_code not in ('NR', 'HORS', 'DIST');

-- What one writes in minutes stands beside the figure.
alter view pub.steering_state rename to labelled_state;
create view pub.steering_state as
select
    s.*,
    n.reference,
    pub.quotation_link(n.reference, n.reference) as quotation_html
from pub.labelled_state as s
cross join lateral (
    select
        concat_ws(
            '.',
            s.programme_code,
            -- the period as codes write it: 2026-T3
            regexp_replace(s.measured_period_label, '^([TS]\d) (\d{4})$', '\2-\1'),
            s.indicator_code,
            'p' || s.publication_id
        ) as reference
) as n;

create or replace view pub.steering_values as
select
    v.*,
    pub.french_period(pub.period_code('quarter', v.period_end)) as quarter_label,
    split_part(v.indicator_code, '-', 1) as line_code,
    v.axis_label || ' : ' || v.member_label as profile_label,
    pub.value_reference(
        v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure, v.territory_level, v.territory_code,
        v.partner_code, v.axis, v.member, v.publication_id
    ) as reference,
    pub.quotation_link(
        concat_ws('.', v.programme_code, v.period_code, v.indicator_code, 'p' || v.publication_id), 'citer'
    ) as quotation_html
from pub.labelled_values as v;

-- The words of a promise's state, for the dashboards and for the book.
create function pub.promise_state_label(state text) returns text
language sql immutable parallel safe
return case state
    when 'MESURE' then 'mesurée'
    when 'ATTEINT' then 'atteinte'
    when 'EN_RETARD' then 'en retard'
    when 'CIBLE_NON_FIXEE' then 'cible non fixée'
    when 'NON_REMIS' then 'non remise'
    when 'INCOMPLET' then 'incomplète'
    when 'SUPPRIME_K' then 'secret statistique'
    when 'SUPPRIME_SECONDAIRE' then 'secret statistique'
    when 'NON_APPLICABLE' then 'non applicable'
    when 'ZERO_MESURE' then 'zéro mesuré'
    when 'DEFINITION_ABSENTE' then 'non mesurable (définition absente)'
    when 'FLUX_ABSENT' then 'pas encore mesurable (flux absent)'
    when 'CADRE' then 'sans objet (cadre)'
    when 'CONSTAT' then 'sans objet (constat)'
    when 'HYPOTHESE' then 'sans objet (hypothèse)'
    when 'BASE' then 'sans objet (base de référence)'
    else lower(replace(state, '_', ' '))
end;

create function pub.stands_on_label(kind text) returns text
language sql immutable parallel safe
return case kind
    when 'VALEUR' then 'une valeur mesurée'
    when 'CIBLE' then 'une cible du comité'
    when 'JALON' then 'un jalon'
    when 'ENVELOPPE' then 'une enveloppe'
    when 'DISPOSITIF' then 'une règle de financement'
    when 'FLUX' then 'un flux qui manque'
    when 'ROLE' then 'un rôle promis'
    when 'ACTION' then 'une action du programme'
    when 'DOCUMENT' then 'le document seul'
end;

create function pub.nature_label(nature text) returns text
language sql immutable parallel safe
return case nature
    when 'promesse' then 'promesse'
    when 'cadre' then 'cadre'
    when 'constat' then 'constat'
    when 'hypothese' then 'hypothèse'
    when 'base' then 'base de référence'
    else nature
end;

create or replace view pub.steering_commitments as
select
    c.publication_id,
    c.commitment_id,
    c.programme_code,
    c.programme_label,
    c.programme_code || ' · ' || c.programme_label as programme,
    c.action_line,
    c.kind,
    c.nature,
    upper(left(pub.nature_label(c.nature), 1)) || substr(pub.nature_label(c.nature), 2) as nature_label,
    c.label,
    c.value,
    case
        when c.value is null then 'non chiffrée'
        else
            case when c.operator in ('=', '↑') then '' else coalesce(c.operator || ' ', '') end
            || pub.french_number(c.value, case when c.value = trunc(c.value) then 0 else 2 end)
            || coalesce(U&'\00A0' || c.unit, '')
    end as value_text,
    coalesce(c.unit, '') as unit,
    case
        when c.starts is not null and c.ends is not null and c.starts <> c.ends then c.starts || ' à ' || c.ends
        else coalesce(c.ends, c.starts, 'non datée')
    end as period_label,
    c.state,
    pub.promise_state_label(c.state) as state_label,
    c.excerpt,
    coalesce(replace(c.indicator_codes, ';', ', '), '') as indicator_codes,
    coalesce(c.note, '') as note,
    concat_ws(', ', c.document_title, c.document_publisher, coalesce(c.document_date, 'sans date')) as citation,
    c.stands_on,
    pub.stands_on_label(c.stands_on_kind) as stands_on_label
from pub.commitments as c;
reset role;
