-- Generated from ingestion/feeds/*.yml by `make contracts`: do not edit.
create index f01_sessions_formation_session_id on raw.f01_sessions_formation using brin (session_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);

create table raw.f04_enquetes_formation (
    programme_code text,
    enquete_id text,
    reponse_id text,
    type text,
    session_id text,
    jeton_participant text,
    date_reponse text,
    note_satisfaction text,
    score_connaissance text,
    utilise_ia_travail text,
    _hmac_key_id text,
    _object_partner_code text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f04_enquetes_formation_load on raw.f04_enquetes_formation using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f04_enquetes_formation is 'Les réponses aux questionnaires avant, à chaud et à froid, une ligne par réponse.';
comment on column raw.f04_enquetes_formation.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f04_enquetes_formation.enquete_id is 'Version du questionnaire.';
comment on column raw.f04_enquetes_formation.reponse_id is 'Unique dans l''enquête.';
comment on column raw.f04_enquetes_formation.type is 'AVANT la session, à CHAUD dès sa fin, à FROID deux à quatre mois plus tard.';
comment on column raw.f04_enquetes_formation.session_id is 'Session (flux F01) sur laquelle porte la réponse.';
comment on column raw.f04_enquetes_formation.jeton_participant is 'Code sans rapport avec l''identité, le même avant et après. Vide, la réponse n''est pas appariée. Jamais un courriel. Seule son empreinte à clé est gardée.';
comment on column raw.f04_enquetes_formation.date_reponse is 'Jour et heure de la réponse. À chaud, pas avant la fin de la session ; à froid, de 60 à 120 jours après.';
comment on column raw.f04_enquetes_formation.note_satisfaction is 'De 1 (pas du tout satisfait) à 5 (très satisfait).';
comment on column raw.f04_enquetes_formation.score_connaissance is 'Résultat du test, de 0 à 100.';
comment on column raw.f04_enquetes_formation.utilise_ia_travail is 'La personne se sert de l''IA dans son travail : OUI ou NON.';
comment on column raw.f04_enquetes_formation._hmac_key_id is 'Identifiant de la clé des empreintes.';
comment on column raw.f04_enquetes_formation._object_partner_code is 'Partenaire dont l''objet est cité : lui-même d''abord, sinon un autre du programme.';
comment on column raw.f04_enquetes_formation._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f04_enquetes_formation._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f04_enquetes_formation._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f04_enquetes_formation._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f04_enquetes_formation._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f05_parcours_entreprises (
    programme_code text,
    parcours_id text,
    siren text,
    siret_etab text,
    code_commune text,
    entreprise_individuelle text,
    taille_effectif text,
    naf text,
    solution_famille text,
    siren_fournisseur text,
    siret_fournisseur text,
    date_sensibilisation text,
    date_diagnostic text,
    date_feuille_route text,
    date_prototype text,
    date_deploiement text,
    date_mesure_gain text,
    date_arret text,
    origine_decision text,
    oriente_par_epci text,
    date_orientation text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f05_parcours_entreprises_load on raw.f05_parcours_entreprises using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index f05_parcours_entreprises_parcours_id on raw.f05_parcours_entreprises using brin (parcours_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f05_parcours_entreprises is 'Le chemin de chaque entreprise vers une solution d''IA, une ligne par parcours, avec la date de chaque étape franchie.';
comment on column raw.f05_parcours_entreprises.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f05_parcours_entreprises.parcours_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.f05_parcours_entreprises.siren is 'Neuf chiffres. Celui d''une entreprise individuelle est une donnée personnelle.';
comment on column raw.f05_parcours_entreprises.siret_etab is 'Quatorze chiffres : l''établissement qui suit le parcours.';
comment on column raw.f05_parcours_entreprises.code_commune is 'Code INSEE (et non postal) de la commune de l''établissement, dans le périmètre du programme.';
comment on column raw.f05_parcours_entreprises.entreprise_individuelle is 'OUI si l''entreprise est une personne : son SIREN est alors une donnée personnelle.';
comment on column raw.f05_parcours_entreprises.taille_effectif is 'Nombre de salariés de l''entreprise, en tranche ; 250+ ne compte pas dans le taux d''adoption des TPE et PME.';
comment on column raw.f05_parcours_entreprises.naf is 'Code d''activité principale (NAF rév. 2), quatre chiffres et une lettre, avec ou sans point.';
comment on column raw.f05_parcours_entreprises.solution_famille is 'Ce que la solution fait pour l''entreprise.';
comment on column raw.f05_parcours_entreprises.siren_fournisseur is 'Entreprise qui fournit la solution : neuf chiffres.';
comment on column raw.f05_parcours_entreprises.siret_fournisseur is 'Établissement qui fournit la solution ; elle est locale s''il est dans le territoire.';
comment on column raw.f05_parcours_entreprises.date_sensibilisation is 'Premier contact avec le programme. Les étapes se suivent ; une étape sautée reste vide.';
comment on column raw.f05_parcours_entreprises.date_diagnostic is 'Jour où le diagnostic a été remis.';
comment on column raw.f05_parcours_entreprises.date_feuille_route is 'Jour où la feuille de route a été adoptée.';
comment on column raw.f05_parcours_entreprises.date_prototype is 'Jour où le prototype a été livré.';
comment on column raw.f05_parcours_entreprises.date_deploiement is 'Premier jour en production.';
comment on column raw.f05_parcours_entreprises.date_mesure_gain is 'Jour de la première mesure du gain (flux F06).';
comment on column raw.f05_parcours_entreprises.date_arret is 'Jour où la solution a cessé d''être utilisée. Pas avant le déploiement.';
comment on column raw.f05_parcours_entreprises.origine_decision is 'Ce qui a décidé l''entreprise ; NR si on ne le sait pas.';
comment on column raw.f05_parcours_entreprises.oriente_par_epci is 'SIREN de l''intercommunalité du périmètre qui a orienté l''entreprise.';
comment on column raw.f05_parcours_entreprises.date_orientation is 'Jour où l''intercommunalité a orienté l''entreprise.';
comment on column raw.f05_parcours_entreprises._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f05_parcours_entreprises._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f05_parcours_entreprises._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f05_parcours_entreprises._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f05_parcours_entreprises._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f05b_experimentations_communes (
    programme_code text,
    code_commune text,
    cas_usage_id text,
    domaine text,
    phase text,
    date_phase text,
    date_fin_test text,
    bilan text,
    commune_origine text,
    agents_formes text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f05b_experimentations_communes_load on raw.f05b_experimentations_communes using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index f05b_experimentations_communes_cas_usage_id on raw.f05b_experimentations_communes using brin (cas_usage_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f05b_experimentations_communes is 'Où en est chaque commune de chaque cas d''usage, une ligne par phase commencée.';
comment on column raw.f05b_experimentations_communes.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f05b_experimentations_communes.code_commune is 'Code INSEE (et non postal) de la commune, dans le périmètre du programme.';
comment on column raw.f05b_experimentations_communes.cas_usage_id is 'Le même pour toutes les communes qui reprennent le cas. Vide pour la seule phase FORMER.';
comment on column raw.f05b_experimentations_communes.domaine is 'Domaine d''action de la commune.';
comment on column raw.f05b_experimentations_communes.phase is 'FORMER, puis EXPERIMENTER, puis DEPLOYER.';
comment on column raw.f05b_experimentations_communes.date_phase is 'Premier jour de la phase.';
comment on column raw.f05b_experimentations_communes.date_fin_test is 'Dernier jour de l''expérimentation. Pas avant le premier.';
comment on column raw.f05b_experimentations_communes.bilan is 'Ce que l''expérimentation a donné ; EN_COURS tant qu''elle dure.';
comment on column raw.f05b_experimentations_communes.commune_origine is 'Code INSEE de l''autre commune dont la solution est reprise.';
comment on column raw.f05b_experimentations_communes.agents_formes is 'Nombre d''agents formés, sans les nommer. Vide n''est pas 0.';
comment on column raw.f05b_experimentations_communes._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f05b_experimentations_communes._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f05b_experimentations_communes._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f05b_experimentations_communes._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f05b_experimentations_communes._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f06_mesures_gain (
    programme_code text,
    parcours_id text,
    type text,
    unite text,
    valeur_avant text,
    valeur_apres text,
    date_avant text,
    date_mesure text,
    methode text,
    piece_sha256 text,
    _object_partner_code text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f06_mesures_gain_load on raw.f06_mesures_gain using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f06_mesures_gain is 'Ce que la solution a changé dans l''entreprise, une ligne par mesure, avant et après.';
comment on column raw.f06_mesures_gain.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f06_mesures_gain.parcours_id is 'Parcours (flux F05) dont le gain est mesuré.';
comment on column raw.f06_mesures_gain.type is 'Ce qui est mesuré ; CA est le chiffre d''affaires.';
comment on column raw.f06_mesures_gain.unite is 'Unité des deux valeurs.';
comment on column raw.f06_mesures_gain.valeur_avant is 'Valeur avant la solution, plus grande que 0.';
comment on column raw.f06_mesures_gain.valeur_apres is 'Valeur avec la solution, dans la même unité.';
comment on column raw.f06_mesures_gain.date_avant is 'Jour où la valeur avant a été relevée.';
comment on column raw.f06_mesures_gain.date_mesure is 'Jour de la mesure, au moins 90 jours après le déploiement.';
comment on column raw.f06_mesures_gain.methode is 'Comment les valeurs ont été obtenues ; elle est affichée à côté du gain.';
comment on column raw.f06_mesures_gain.piece_sha256 is 'Empreinte SHA-256 du document qui prouve la mesure : 64 chiffres et lettres de a à f.';
comment on column raw.f06_mesures_gain._object_partner_code is 'Partenaire dont l''objet est cité : lui-même d''abord, sinon un autre du programme.';
comment on column raw.f06_mesures_gain._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f06_mesures_gain._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f06_mesures_gain._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f06_mesures_gain._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f06_mesures_gain._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f07_diagnostics_feuilles_route (
    programme_code text,
    diagnostic_id text,
    siren text,
    code_commune text,
    taille_effectif text,
    naf text,
    secteur_strategique text,
    prestation text,
    date_commande text,
    date_remise text,
    action_fr_id text,
    poids text,
    echeance text,
    statut text,
    date_realisation text,
    date_prototype text,
    projet_ia_id text,
    date_lancement_projet text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f07_diagnostics_feuilles_route_load on raw.f07_diagnostics_feuilles_route using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f07_diagnostics_feuilles_route is 'Les prestations de conseil, une ligne par diagnostic ou, s''il a une feuille de route, une ligne par action de celle-ci.';
comment on column raw.f07_diagnostics_feuilles_route.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f07_diagnostics_feuilles_route.diagnostic_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.f07_diagnostics_feuilles_route.siren is 'Neuf chiffres. Celui d''une entreprise individuelle est une donnée personnelle.';
comment on column raw.f07_diagnostics_feuilles_route.code_commune is 'Code INSEE (et non postal) de la commune de l''établissement.';
comment on column raw.f07_diagnostics_feuilles_route.taille_effectif is 'Nombre de salariés de l''entreprise, en tranche.';
comment on column raw.f07_diagnostics_feuilles_route.naf is 'Code d''activité principale (NAF rév. 2), quatre chiffres et une lettre, avec ou sans point.';
comment on column raw.f07_diagnostics_feuilles_route.secteur_strategique is 'Secteur ou filière de l''entreprise.';
comment on column raw.f07_diagnostics_feuilles_route.prestation is 'Nature de la prestation de conseil.';
comment on column raw.f07_diagnostics_feuilles_route.date_commande is 'Jour où la prestation a été commandée.';
comment on column raw.f07_diagnostics_feuilles_route.date_remise is 'Jour où le diagnostic a été remis. Vide tant qu''il ne l''est pas.';
comment on column raw.f07_diagnostics_feuilles_route.action_fr_id is 'Action de la feuille de route : une ligne par action. Vide s''il n''y a pas de feuille de route.';
comment on column raw.f07_diagnostics_feuilles_route.poids is 'Importance de l''action dans la feuille de route. Vide, c''est 1.';
comment on column raw.f07_diagnostics_feuilles_route.echeance is 'Jour pour lequel l''action est prévue. Pas avant la remise.';
comment on column raw.f07_diagnostics_feuilles_route.statut is 'Où en est l''action à la date du fichier.';
comment on column raw.f07_diagnostics_feuilles_route.date_realisation is 'Jour où l''action a été réalisée.';
comment on column raw.f07_diagnostics_feuilles_route.date_prototype is 'Jour où le prototype a été livré.';
comment on column raw.f07_diagnostics_feuilles_route.projet_ia_id is 'Projet né du diagnostic.';
comment on column raw.f07_diagnostics_feuilles_route.date_lancement_projet is 'Jour où le projet a commencé.';
comment on column raw.f07_diagnostics_feuilles_route._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f07_diagnostics_feuilles_route._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f07_diagnostics_feuilles_route._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f07_diagnostics_feuilles_route._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f07_diagnostics_feuilles_route._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f08_evenements (
    programme_code text,
    evenement_id text,
    reseau_id text,
    type text,
    date text,
    code_commune text,
    statut text,
    organisateurs text,
    soutiens text,
    effectif_declare text,
    date_proposition text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f08_evenements_load on raw.f08_evenements using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index f08_evenements_evenement_id on raw.f08_evenements using brin (evenement_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f08_evenements is 'Les rencontres, forums et autres événements du mois, une ligne par événement.';
comment on column raw.f08_evenements.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f08_evenements.evenement_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.f08_evenements.reseau_id is 'Réseau ou club (flux F09) qui se réunit, s''il y en a un.';
comment on column raw.f08_evenements.type is 'Forme de l''événement.';
comment on column raw.f08_evenements.date is 'Premier jour de l''événement.';
comment on column raw.f08_evenements.code_commune is 'Code INSEE (et non postal) de la commune où l''événement se tient. Vide s''il se tient à distance.';
comment on column raw.f08_evenements.statut is 'Où en est l''événement à la date du fichier.';
comment on column raw.f08_evenements.organisateurs is 'SIREN des organisateurs, un au moins, séparés par des points-virgules.';
comment on column raw.f08_evenements.soutiens is 'SIREN de ceux qui soutiennent l''événement (intercommunalité, par exemple), séparés par des points-virgules.';
comment on column raw.f08_evenements.effectif_declare is 'Nombre de personnes venues, celles du flux F02 comprises. Vide n''est pas 0.';
comment on column raw.f08_evenements.date_proposition is 'Jour où l''événement a été proposé au programme.';
comment on column raw.f08_evenements._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f08_evenements._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f08_evenements._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f08_evenements._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f08_evenements._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f09_membres_reseau (
    programme_code text,
    reseau_id text,
    role text,
    domaine text,
    date_adhesion text,
    date_sortie text,
    binome_id text,
    date_seance text,
    tranche_age text,
    person_key_1 text,
    person_key_2 text,
    person_key_3 text,
    _hmac_key_id text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f09_membres_reseau_load on raw.f09_membres_reseau using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f09_membres_reseau is 'Qui est membre de quel réseau et à quel titre, une ligne par personne et par rôle ; pour le mentorat, une ligne par séance.';
comment on column raw.f09_membres_reseau.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f09_membres_reseau.reseau_id is 'Votre propre identifiant du réseau ou du club.';
comment on column raw.f09_membres_reseau.role is 'À quel titre la personne est membre ; plusieurs rôles, plusieurs lignes.';
comment on column raw.f09_membres_reseau.domaine is 'En quelques mots, sans nom ni coordonnées de personnes.';
comment on column raw.f09_membres_reseau.date_adhesion is 'Premier jour d''adhésion.';
comment on column raw.f09_membres_reseau.date_sortie is 'Dernier jour d''adhésion. Vide tant que la personne est membre.';
comment on column raw.f09_membres_reseau.binome_id is 'Binôme de mentorat ; jamais un nom ni un courriel.';
comment on column raw.f09_membres_reseau.date_seance is 'Séance de mentorat du binôme : une ligne par séance.';
comment on column raw.f09_membres_reseau.tranche_age is 'Tranche d''âge, tirée de l''année de naissance : 15-29, 30-44, 45-59, 60+ ; vide si inconnue.';
comment on column raw.f09_membres_reseau.person_key_1 is 'Empreinte à clé du courriel.';
comment on column raw.f09_membres_reseau.person_key_2 is 'Empreinte à clé du nom de naissance, du prénom et de l''année de naissance.';
comment on column raw.f09_membres_reseau.person_key_3 is 'Empreinte à clé du prénom et de l''année de naissance.';
comment on column raw.f09_membres_reseau._hmac_key_id is 'Identifiant de la clé des empreintes.';
comment on column raw.f09_membres_reseau._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f09_membres_reseau._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f09_membres_reseau._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f09_membres_reseau._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f09_membres_reseau._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f10_projets_collaboratifs (
    programme_code text,
    projet_id text,
    titre text,
    filiere text,
    date_lancement text,
    date_livraison text,
    etat text,
    accompagnement text,
    siren text,
    role text,
    quote_part text,
    pays text,
    nature text,
    acceptable text,
    fiable text,
    explicable text,
    robuste text,
    transparente text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f10_projets_collaboratifs_load on raw.f10_projets_collaboratifs using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f10_projets_collaboratifs is 'Les projets menés à plusieurs, une ligne par structure de chaque projet.';
comment on column raw.f10_projets_collaboratifs.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f10_projets_collaboratifs.projet_id is 'Le même pour toutes les structures du projet.';
comment on column raw.f10_projets_collaboratifs.titre is 'Titre du projet, sans nom ni coordonnées de personnes.';
comment on column raw.f10_projets_collaboratifs.filiere is 'Filière du projet.';
comment on column raw.f10_projets_collaboratifs.date_lancement is 'Premier jour du projet.';
comment on column raw.f10_projets_collaboratifs.date_livraison is 'Jour où le projet a été livré.';
comment on column raw.f10_projets_collaboratifs.etat is 'Où en est le projet à la date du fichier.';
comment on column raw.f10_projets_collaboratifs.accompagnement is 'OUI si le programme accompagne le projet.';
comment on column raw.f10_projets_collaboratifs.siren is 'Neuf chiffres. Un projet compte à partir de deux structures distinctes.';
comment on column raw.f10_projets_collaboratifs.role is 'Rôle de la structure dans le projet.';
comment on column raw.f10_projets_collaboratifs.quote_part is 'Part de la structure dans le projet, de 0 à 1 ; les parts d''un projet font 1.';
comment on column raw.f10_projets_collaboratifs.pays is 'Pays ou territoire de la structure : code ISO 3166 à deux lettres (FR, MQ, DM…).';
comment on column raw.f10_projets_collaboratifs.nature is 'ASSO est une association.';
comment on column raw.f10_projets_collaboratifs.acceptable is 'Critère de confiance du projet : OUI s''il est rempli.';
comment on column raw.f10_projets_collaboratifs.fiable is 'Critère de confiance du projet : OUI s''il est rempli.';
comment on column raw.f10_projets_collaboratifs.explicable is 'Critère de confiance du projet : OUI s''il est rempli.';
comment on column raw.f10_projets_collaboratifs.robuste is 'Critère de confiance du projet : OUI s''il est rempli.';
comment on column raw.f10_projets_collaboratifs.transparente is 'Critère de confiance du projet : OUI s''il est rempli.';
comment on column raw.f10_projets_collaboratifs._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f10_projets_collaboratifs._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f10_projets_collaboratifs._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f10_projets_collaboratifs._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f10_projets_collaboratifs._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f11_sensibilisation_livrables (
    programme_code text,
    action_id text,
    type text,
    theme text,
    statut text,
    date text,
    code_commune text,
    public text,
    effectif_anonyme text,
    url_livrable text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f11_sensibilisation_livrables_load on raw.f11_sensibilisation_livrables using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index f11_sensibilisation_livrables_action_id on raw.f11_sensibilisation_livrables using brin (action_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f11_sensibilisation_livrables is 'Les actions de sensibilisation et les documents produits, une ligne par action et par public.';
comment on column raw.f11_sensibilisation_livrables.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f11_sensibilisation_livrables.action_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.f11_sensibilisation_livrables.type is 'SESSION est une rencontre avec un public ; les autres sont des documents, des outils ou des jalons.';
comment on column raw.f11_sensibilisation_livrables.theme is 'Sujet principal.';
comment on column raw.f11_sensibilisation_livrables.statut is 'Où en est l''action à la date du fichier.';
comment on column raw.f11_sensibilisation_livrables.date is 'Jour de l''action, ou de la publication du document.';
comment on column raw.f11_sensibilisation_livrables.code_commune is 'Code INSEE (et non postal) de la commune où la session se tient.';
comment on column raw.f11_sensibilisation_livrables.public is 'Public visé ; plusieurs publics, plusieurs lignes.';
comment on column raw.f11_sensibilisation_livrables.effectif_anonyme is 'Personnes venues qui n''ont pas de ligne dans le flux F02. Vide n''est pas 0.';
comment on column raw.f11_sensibilisation_livrables.url_livrable is 'Adresse où le document se lit, si elle est publique.';
comment on column raw.f11_sensibilisation_livrables._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f11_sensibilisation_livrables._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f11_sensibilisation_livrables._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f11_sensibilisation_livrables._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f11_sensibilisation_livrables._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f12_barometre_perception (
    programme_code text,
    vague text,
    repondant_id text,
    poids text,
    tranche_age text,
    sexe text,
    code_epci text,
    utilise_ia text,
    confiance text,
    plan_sondage text,
    _hmac_key_id text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f12_barometre_perception_load on raw.f12_barometre_perception using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f12_barometre_perception is 'Les réponses au baromètre annuel auprès de la population, une ligne par personne interrogée, sans son identité.';
comment on column raw.f12_barometre_perception.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f12_barometre_perception.vague is 'Année de l''enquête, à quatre chiffres.';
comment on column raw.f12_barometre_perception.repondant_id is 'Numéro sans rapport avec l''identité, unique dans la vague. Jamais un courriel. Seule son empreinte à clé est gardée.';
comment on column raw.f12_barometre_perception.poids is 'Nombre de personnes que la réponse représente ; leur somme est la population visée.';
comment on column raw.f12_barometre_perception.tranche_age is 'Âge de la personne, en tranche.';
comment on column raw.f12_barometre_perception.sexe is 'F, M, X, ou NR si la personne ne l''a pas dit.';
comment on column raw.f12_barometre_perception.code_epci is 'SIREN de l''intercommunalité du périmètre où la personne habite.';
comment on column raw.f12_barometre_perception.utilise_ia is 'À quelle fréquence la personne s''en sert.';
comment on column raw.f12_barometre_perception.confiance is 'De 1 (aucune confiance) à 5 (toute confiance) ; NSP si la personne ne sait pas.';
comment on column raw.f12_barometre_perception.plan_sondage is 'Comment les personnes ont été choisies ; avec des quotas, l''intervalle est indicatif.';
comment on column raw.f12_barometre_perception._hmac_key_id is 'Identifiant de la clé des empreintes.';
comment on column raw.f12_barometre_perception._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f12_barometre_perception._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f12_barometre_perception._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f12_barometre_perception._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f12_barometre_perception._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f13_financements (
    programme_code text,
    convention_id text,
    ligne text,
    dispositif text,
    enveloppe_id text,
    cas_usage_id text,
    beneficiaire_siren text,
    beneficiaire_code_commune text,
    cout_eligible text,
    montant_vote text,
    montant_engage text,
    montant_mandate text,
    source text,
    date text,
    action_code text,
    _object_partner_code text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f13_financements_load on raw.f13_financements using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f13_financements is 'Les aides et les cofinancements, une ligne par ligne de convention.';
comment on column raw.f13_financements.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f13_financements.convention_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.f13_financements.ligne is 'Numéro de la ligne dans la convention.';
comment on column raw.f13_financements.dispositif is 'Code du dispositif d''aide, qui porte son taux maximal et son plafond.';
comment on column raw.f13_financements.enveloppe_id is 'Enveloppe (flux G05) qui paie.';
comment on column raw.f13_financements.cas_usage_id is 'Cas d''usage (flux F05b) qui est financé, s''il y en a un.';
comment on column raw.f13_financements.beneficiaire_siren is 'Neuf chiffres.';
comment on column raw.f13_financements.beneficiaire_code_commune is 'Code INSEE (et non postal) de la commune du bénéficiaire.';
comment on column raw.f13_financements.cout_eligible is 'Coût sur lequel l''aide se calcule, en euros, plus grand que 0.';
comment on column raw.f13_financements.montant_vote is 'Aide votée, en euros.';
comment on column raw.f13_financements.montant_engage is 'Part engagée, en euros : au plus le montant voté.';
comment on column raw.f13_financements.montant_mandate is 'Part payée, en euros : au plus le montant engagé.';
comment on column raw.f13_financements.source is 'Qui paie. Une subvention publique de plus de 23 000 € se publie.';
comment on column raw.f13_financements.date is 'Jour du vote ou de la signature.';
comment on column raw.f13_financements.action_code is 'Action du programme que l''aide sert.';
comment on column raw.f13_financements._object_partner_code is 'Partenaire dont l''objet est cité : lui-même d''abord, sinon un autre du programme.';
comment on column raw.f13_financements._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f13_financements._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f13_financements._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f13_financements._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f13_financements._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f14_structures (
    programme_code text,
    siren text,
    denomination text,
    role text,
    code_commune text,
    naf text,
    offre_ia text,
    deeptech text,
    effectif_ia text,
    date_creation text,
    date_debut text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f14_structures_load on raw.f14_structures using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f14_structures is 'Les structures de l''écosystème, une ligne par structure et par rôle.';
comment on column raw.f14_structures.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f14_structures.siren is 'Neuf chiffres.';
comment on column raw.f14_structures.denomination is 'Nom de la structure.';
comment on column raw.f14_structures.role is 'Plusieurs rôles, plusieurs lignes ; OF est un organisme de formation.';
comment on column raw.f14_structures.code_commune is 'Code INSEE (et non postal) de la commune du siège.';
comment on column raw.f14_structures.naf is 'Code d''activité principale (NAF rév. 2), quatre chiffres et une lettre, avec ou sans point.';
comment on column raw.f14_structures.offre_ia is 'OUI si la structure vend ou fournit des solutions d''IA.';
comment on column raw.f14_structures.deeptech is 'OUI si la structure est une deeptech.';
comment on column raw.f14_structures.effectif_ia is 'Salariés qui travaillent à l''IA.';
comment on column raw.f14_structures.date_creation is 'Jour où la structure a été créée.';
comment on column raw.f14_structures.date_debut is 'Jour depuis lequel la ligne est vraie : un changement se déclare par une ligne d''une nouvelle date.';
comment on column raw.f14_structures._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f14_structures._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f14_structures._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f14_structures._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f14_structures._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.f15_modules_labels (
    programme_code text,
    module_id text,
    intitule text,
    siren_concepteur text,
    label_qualite text,
    date_label text,
    date_retrait text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index f15_modules_labels_load on raw.f15_modules_labels using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.f15_modules_labels is 'Les modules de formation du catalogue et leur label, une ligne par module.';
comment on column raw.f15_modules_labels.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.f15_modules_labels.module_id is 'Identifiant du catalogue, le même que dans le flux F01.';
comment on column raw.f15_modules_labels.intitule is 'Titre du module.';
comment on column raw.f15_modules_labels.siren_concepteur is 'Structure qui a conçu le module : neuf chiffres.';
comment on column raw.f15_modules_labels.label_qualite is 'OUI si le cluster a labellisé le module ; c''est le cluster qui labellise, non le formateur.';
comment on column raw.f15_modules_labels.date_label is 'Jour où le label a été donné.';
comment on column raw.f15_modules_labels.date_retrait is 'Jour où le label a été retiré. Pas avant qu''il soit donné.';
comment on column raw.f15_modules_labels._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.f15_modules_labels._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.f15_modules_labels._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.f15_modules_labels._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.f15_modules_labels._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.g01_jalons (
    programme_code text,
    jalon_id text,
    mesure_code text,
    libelle text,
    echeance text,
    etat text,
    date_livraison text,
    preuve_id text,
    _object_partner_code text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index g01_jalons_load on raw.g01_jalons using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.g01_jalons is 'Les mesures et les jalons du programme et leur état, une ligne par jalon.';
comment on column raw.g01_jalons.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.g01_jalons.jalon_id is 'Votre propre identifiant, stable d''un envoi à l''autre.';
comment on column raw.g01_jalons.mesure_code is 'Mesure ou action du programme dont c''est un jalon.';
comment on column raw.g01_jalons.libelle is 'Ce qui doit être livré.';
comment on column raw.g01_jalons.echeance is 'Jour prévu. Vide si le programme n''en a pas fixé.';
comment on column raw.g01_jalons.etat is 'Où en est le jalon à la date du fichier.';
comment on column raw.g01_jalons.date_livraison is 'Jour où le jalon a été livré.';
comment on column raw.g01_jalons.preuve_id is 'Pièce (flux G03) qui l''atteste.';
comment on column raw.g01_jalons._object_partner_code is 'Partenaire dont l''objet est cité : lui-même d''abord, sinon un autre du programme.';
comment on column raw.g01_jalons._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.g01_jalons._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.g01_jalons._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.g01_jalons._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.g01_jalons._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.g02_cibles (
    programme_code text,
    indicateur text,
    perimetre text,
    base text,
    date_base text,
    cible text,
    type_cible text,
    date_cible text,
    decision_id text,
    _object_partner_code text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index g02_cibles_load on raw.g02_cibles using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
comment on table raw.g02_cibles is 'Les cibles que le comité fixe aux indicateurs, une ligne par indicateur, périmètre, date et décision.';
comment on column raw.g02_cibles.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.g02_cibles.indicateur is 'Code de l''indicateur dans le catalogue.';
comment on column raw.g02_cibles.perimetre is 'TOUT, ou ce à quoi la cible se limite : dispositif, niveau, territoire, profil (niveau=bac+2, par exemple).';
comment on column raw.g02_cibles.base is 'Valeur à laquelle une cible relative se compare.';
comment on column raw.g02_cibles.date_base is 'Jour de la valeur de départ.';
comment on column raw.g02_cibles.cible is 'Valeur à atteindre, dans l''unité de l''indicateur (0,5 ou 50 % pour un taux).';
comment on column raw.g02_cibles.type_cible is 'CUMUL depuis le début, ANNUELLE, STOCK à la date, RELATIVE à la valeur de départ, EGALE à une valeur.';
comment on column raw.g02_cibles.date_cible is 'Jour pour lequel la cible est fixée.';
comment on column raw.g02_cibles.decision_id is 'Décision du comité (flux G04) qui fixe la cible.';
comment on column raw.g02_cibles._object_partner_code is 'Partenaire dont l''objet est cité : lui-même d''abord, sinon un autre du programme.';
comment on column raw.g02_cibles._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.g02_cibles._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.g02_cibles._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.g02_cibles._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.g02_cibles._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.g03_reperes_preuves (
    programme_code text,
    repere_id text,
    indicateur text,
    valeur text,
    unite text,
    perimetre text,
    periode text,
    source text,
    url text,
    sha256 text,
    niveau_preuve text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index g03_reperes_preuves_load on raw.g03_reperes_preuves using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index g03_reperes_preuves_repere_id on raw.g03_reperes_preuves using brin (repere_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.g03_reperes_preuves is 'Les chiffres d''autres sources et les pièces qui prouvent, une ligne par repère ou par pièce.';
comment on column raw.g03_reperes_preuves.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.g03_reperes_preuves.repere_id is 'Votre propre identifiant, stable d''un envoi à l''autre.';
comment on column raw.g03_reperes_preuves.indicateur is 'Code de l''indicateur dans le catalogue, si la pièce en concerne un.';
comment on column raw.g03_reperes_preuves.valeur is 'Valeur publiée par la source.';
comment on column raw.g03_reperes_preuves.unite is 'Unité de la valeur.';
comment on column raw.g03_reperes_preuves.perimetre is 'Champ de la source : qui ou quoi elle compte.';
comment on column raw.g03_reperes_preuves.periode is 'Millésime ou période de la source.';
comment on column raw.g03_reperes_preuves.source is 'Qui publie, et sous quel titre.';
comment on column raw.g03_reperes_preuves.url is 'Adresse où la source se lit.';
comment on column raw.g03_reperes_preuves.sha256 is 'Empreinte SHA-256 du document : 64 chiffres et lettres de a à f.';
comment on column raw.g03_reperes_preuves.niveau_preuve is 'De 1 (déclaration) à 4 (mesure vérifiée par un tiers).';
comment on column raw.g03_reperes_preuves._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.g03_reperes_preuves._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.g03_reperes_preuves._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.g03_reperes_preuves._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.g03_reperes_preuves._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.g04_decisions (
    programme_code text,
    seance text,
    seance_prevue text,
    decision_id text,
    libelle text,
    responsable text,
    echeance text,
    statut text,
    date_execution text,
    cloture_id text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index g04_decisions_load on raw.g04_decisions using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index g04_decisions_decision_id on raw.g04_decisions using brin (decision_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.g04_decisions is 'Les décisions du comité et leur exécution, une ligne par décision.';
comment on column raw.g04_decisions.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.g04_decisions.seance is 'Jour où le comité a décidé.';
comment on column raw.g04_decisions.seance_prevue is 'Jour pour lequel la séance était prévue.';
comment on column raw.g04_decisions.decision_id is 'Votre propre identifiant, stable d''un envoi à l''autre.';
comment on column raw.g04_decisions.libelle is 'Ce qui a été décidé, sans nom de personnes.';
comment on column raw.g04_decisions.responsable is 'Structure (et non personne) qui exécute.';
comment on column raw.g04_decisions.echeance is 'Jour pour lequel la décision doit être exécutée.';
comment on column raw.g04_decisions.statut is 'Où en est la décision à la date du fichier.';
comment on column raw.g04_decisions.date_execution is 'Jour où la décision a été exécutée.';
comment on column raw.g04_decisions.cloture_id is 'Clôture dont les chiffres ont été cités.';
comment on column raw.g04_decisions._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.g04_decisions._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.g04_decisions._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.g04_decisions._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.g04_decisions._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';

create table raw.g05_enveloppes (
    programme_code text,
    enveloppe_id text,
    parent_id text,
    libelle text,
    montant text,
    debut text,
    fin text,
    _load_id bigint not null default current_setting('lakou.load_id')::bigint,
    _delivery_id text not null default current_setting('lakou.delivery_id'),
    _row_number integer not null,
    _row_hash text not null,
    _loaded_at timestamptz not null default now()
);
create index g05_enveloppes_load on raw.g05_enveloppes using brin (_load_id) with (pages_per_range = 32, autosummarize = on);
create index g05_enveloppes_enveloppe_id on raw.g05_enveloppes using brin (enveloppe_id text_bloom_ops) with (pages_per_range = 32, autosummarize = on);
comment on table raw.g05_enveloppes is 'Les enveloppes de financement du programme, une ligne par enveloppe.';
comment on column raw.g05_enveloppes.programme_code is 'Programme auquel la ligne appartient. Vide, c''est celui de votre compte.';
comment on column raw.g05_enveloppes.enveloppe_id is 'Votre propre identifiant, unique chez vous et stable d''un envoi à l''autre.';
comment on column raw.g05_enveloppes.parent_id is 'Enveloppe dont celle-ci est une part. Vide si elle n''en a pas.';
comment on column raw.g05_enveloppes.libelle is 'Objet de l''enveloppe.';
comment on column raw.g05_enveloppes.montant is 'En euros. Les parts d''une enveloppe ne la dépassent pas ; un écart est montré, jamais réparti.';
comment on column raw.g05_enveloppes.debut is 'Premier jour de l''enveloppe.';
comment on column raw.g05_enveloppes.fin is 'Dernier jour de l''enveloppe. Pas avant le premier.';
comment on column raw.g05_enveloppes._load_id is 'Chargement qui a écrit la ligne ; son numéro de construction la date.';
comment on column raw.g05_enveloppes._delivery_id is 'Livraison d''où vient la ligne.';
comment on column raw.g05_enveloppes._row_number is 'Numéro de la ligne dans le fichier, tel qu''un tableur le montre.';
comment on column raw.g05_enveloppes._row_hash is 'Empreinte à clé de la ligne entière.';
comment on column raw.g05_enveloppes._loaded_at is 'Instant du chargement (UTC), pour l''exploitation seulement.';
