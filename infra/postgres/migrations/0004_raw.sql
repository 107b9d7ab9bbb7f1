-- Generated from ingestion/feeds/*.yml by `make contracts`: do not edit.
create table raw.f01_sessions_formation (
    programme_code text,
    session_id text,
    action_code text,
    intitule text,
    modalite text,
    module_id text,
    date_debut text,
    date_fin text,
    duree_prevue_h text,
    code_commune text,
    nom_commune text,
    places text,
    partenaires_co text,
    public_cible text,
    secteur_cible text,
    date_proposition text,
    _load_id bigint not null,
    _delivery_id text not null,
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default clock_timestamp(),
    primary key (_delivery_id, _row_number)
);
create index f01_sessions_formation_load on raw.f01_sessions_formation (_load_id);
comment on table raw.f01_sessions_formation is 'Les sessions de formation à l''IA ouvertes dans le mois, une ligne par session, à distance ou en salle.';
comment on column raw.f01_sessions_formation.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f01_sessions_formation.session_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.f01_sessions_formation.action_code is 'Action du programme qui porte la session.';
comment on column raw.f01_sessions_formation.intitule is 'Titre de la session, sans nom ni coordonnées de personnes.';
comment on column raw.f01_sessions_formation.modalite is 'WEBINAIRE et ELEARNING sont à distance ; ATELIER est en salle ; HYBRIDE est compté à part.';
comment on column raw.f01_sessions_formation.module_id is 'Module du catalogue suivi, s''il est labellisé.';
comment on column raw.f01_sessions_formation.date_debut is 'Premier jour de la session.';
comment on column raw.f01_sessions_formation.date_fin is 'Dernier jour de la session.';
comment on column raw.f01_sessions_formation.duree_prevue_h is 'Durée prévue pour un participant qui suit toute la session, en heures.';
comment on column raw.f01_sessions_formation.code_commune is 'Code INSEE (et non postal) de la commune où la session se tient, dans le périmètre du programme.';
comment on column raw.f01_sessions_formation.nom_commune is 'Lève le doute entre un code commune et un code postal.';
comment on column raw.f01_sessions_formation.places is 'Nombre de places ouvertes.';
comment on column raw.f01_sessions_formation.partenaires_co is 'SIREN des autres organismes qui portent la session, séparés par des points-virgules.';
comment on column raw.f01_sessions_formation.public_cible is 'Public auquel la session s''adresse.';
comment on column raw.f01_sessions_formation.secteur_cible is 'Secteur stratégique auquel la session s''adresse.';
comment on column raw.f01_sessions_formation.date_proposition is 'Jour où la session a été proposée au programme.';
comment on column raw.f01_sessions_formation._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f01_sessions_formation._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f01_sessions_formation._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f01_sessions_formation._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f01_sessions_formation._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f02_participations (
    programme_code text,
    objet_type text,
    objet_id text,
    sexe text,
    statut_pro text,
    niveau_diplome text,
    code_commune_residence text,
    siren_employeur text,
    canal_orientation text,
    statut text,
    duree_suivie_h text,
    date_fin_suivi text,
    role text,
    tranche_age text,
    person_key_1 text,
    person_key_2 text,
    person_key_3 text,
    _hmac_key_id text,
    _object_partner_code text,
    _load_id bigint not null,
    _delivery_id text not null,
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default clock_timestamp(),
    primary key (_delivery_id, _row_number)
);
create index f02_participations_load on raw.f02_participations (_load_id);
comment on table raw.f02_participations is 'Qui a suivi quoi, une ligne par personne et par session (ou événement, ou action).';
comment on column raw.f02_participations.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f02_participations.objet_type is 'Ce que la personne a suivi ; SESSION renvoie au flux F01. Vide, c''est SESSION.';
comment on column raw.f02_participations.objet_id is 'Identifiant de la session (flux F01), de l''événement ou de l''action.';
comment on column raw.f02_participations.sexe is 'F, M, X, ou NR si la personne ne l''a pas dit.';
comment on column raw.f02_participations.statut_pro is 'Une seule catégorie, celle de l''entrée dans l''action.';
comment on column raw.f02_participations.niveau_diplome is 'Nomenclature nationale de 2019, de 0 (sans diplôme) à 8 ; NR si la personne ne l''a pas dit.';
comment on column raw.f02_participations.code_commune_residence is 'Code INSEE (et non postal) de la commune où la personne habite ; 99999 hors de France.';
comment on column raw.f02_participations.siren_employeur is 'Neuf chiffres.';
comment on column raw.f02_participations.canal_orientation is 'Qui a orienté la personne.';
comment on column raw.f02_participations.statut is 'Où en est la personne à la date du fichier.';
comment on column raw.f02_participations.duree_suivie_h is 'Heures suivies, au plus la durée prévue de la session et 10 %.';
comment on column raw.f02_participations.date_fin_suivi is 'Jour où la personne a fini ; sinon, la date de fin de la session fait foi. Obligatoire pour un ELEARNING terminé.';
comment on column raw.f02_participations.role is 'Rôle de la personne. Vide, c''est PARTICIPANT.';
comment on column raw.f02_participations.tranche_age is 'Tranche d''âge, tirée de l''année de naissance : 15-29, 30-44, 45-59, 60+ ; vide si inconnue.';
comment on column raw.f02_participations.person_key_1 is 'Empreinte à clé du courriel.';
comment on column raw.f02_participations.person_key_2 is 'Empreinte à clé du nom de naissance, du prénom et de l''année de naissance.';
comment on column raw.f02_participations.person_key_3 is 'Empreinte à clé du prénom et de l''année de naissance.';
comment on column raw.f02_participations._hmac_key_id is 'Identifiant de la clé des empreintes.';
comment on column raw.f02_participations._object_partner_code is 'Partenaire dont la session est suivie : lui-même d''abord, sinon un autre du programme.';
comment on column raw.f02_participations._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f02_participations._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f02_participations._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f02_participations._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f02_participations._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f03_certifications (
    programme_code text,
    certification_code text,
    date_presentation text,
    resultat text,
    date_obtention text,
    session_id text,
    tranche_age text,
    person_key_1 text,
    person_key_2 text,
    person_key_3 text,
    _hmac_key_id text,
    _object_partner_code text,
    _load_id bigint not null,
    _delivery_id text not null,
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default clock_timestamp(),
    primary key (_delivery_id, _row_number)
);
create index f03_certifications_load on raw.f03_certifications (_load_id);
comment on table raw.f03_certifications is 'Les certifications présentées, une ligne par personne, certification et date.';
comment on column raw.f03_certifications.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f03_certifications.certification_code is 'RNCP ou RS suivi de son numéro, ou INT- suivi du code d''une certification interne labellisée.';
comment on column raw.f03_certifications.date_presentation is 'Jour où la personne s''est présentée à la certification.';
comment on column raw.f03_certifications.resultat is 'Issue de la présentation.';
comment on column raw.f03_certifications.date_obtention is 'Jour où la certification a été obtenue.';
comment on column raw.f03_certifications.session_id is 'Session (flux F01) qui y préparait, si elle est connue.';
comment on column raw.f03_certifications.tranche_age is 'Tranche d''âge, tirée de l''année de naissance : 15-29, 30-44, 45-59, 60+ ; vide si inconnue.';
comment on column raw.f03_certifications.person_key_1 is 'Empreinte à clé du courriel.';
comment on column raw.f03_certifications.person_key_2 is 'Empreinte à clé du nom de naissance, du prénom et de l''année de naissance.';
comment on column raw.f03_certifications.person_key_3 is 'Empreinte à clé du prénom et de l''année de naissance.';
comment on column raw.f03_certifications._hmac_key_id is 'Identifiant de la clé des empreintes.';
comment on column raw.f03_certifications._object_partner_code is 'Partenaire dont la session est suivie : lui-même d''abord, sinon un autre du programme.';
comment on column raw.f03_certifications._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f03_certifications._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f03_certifications._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f03_certifications._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f03_certifications._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';
