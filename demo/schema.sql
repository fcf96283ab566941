-- A multi-tenant HR application: the 17 realtime tables of the application guide, and what they need.
--
-- Meant for an empty, throw-away database (PostgreSQL 15 or later): plain CREATE, run by its owner.
-- Every table has row-level security by organisation. A request is described by the setting
-- "request.jwt.claims", as PostgREST and Supabase set it:
--   {"sub": "<profiles.id>", "organization_id": "<organizations.id>", "role": "authenticated"}
--
-- A tenant's rows refer to each other by (organization_id, id). Foreign keys are checked without
-- row-level security, so without the organisation in them a member could attach rows to a foreign parent.

-- Roles are shared by the whole cluster and exist already on hosted platforms.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'authenticated') THEN
        CREATE ROLE authenticated NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'anon') THEN
        CREATE ROLE anon NOLOGIN;
    END IF;
END
$$;

CREATE SCHEMA app;

-- ---------------------------------------------------------------------------------------------------
-- Who is asking
-- ---------------------------------------------------------------------------------------------------

-- The setting is NULL before its first use in a session, and '' after a transaction that set it locally. Both
-- mean that nobody is logged in: the function returns NULL, and no policy shows rows to that.
CREATE FUNCTION app.current_organization_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = ''
AS $$
    SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'organization_id', '')::uuid
$$;

CREATE FUNCTION app.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = ''
AS $$
    SELECT nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid
$$;

-- A statement that sets updated_at itself (an import, say) keeps its value.
CREATE FUNCTION app.touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    IF new.updated_at IS NOT DISTINCT FROM old.updated_at THEN
        new.updated_at := now();
    END IF;
    RETURN new;
END
$$;

-- ---------------------------------------------------------------------------------------------------
-- Organisations and people
-- ---------------------------------------------------------------------------------------------------

CREATE TYPE public.member_role AS ENUM ('employee', 'manager', 'admin');
CREATE TYPE public.presence AS ENUM ('online', 'away', 'offline');

CREATE TABLE public.organizations (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL,
    slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]*$'),
    plan        text NOT NULL DEFAULT 'team' CHECK (plan IN ('free', 'team', 'enterprise')),
    locale      text NOT NULL DEFAULT 'fr-FR',
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- One row a member: the membership and the public face of a user. id is the "sub" of the user's claims.
CREATE TABLE public.profiles (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    manager_id       uuid,
    role             public.member_role NOT NULL DEFAULT 'employee',
    full_name        text NOT NULL,
    email            text NOT NULL,
    job_title        text NOT NULL,
    department       text NOT NULL,
    locale           text NOT NULL DEFAULT 'fr-FR',
    skills           text[] NOT NULL DEFAULT '{}',
    hired_on         date,
    presence         public.presence NOT NULL DEFAULT 'offline',
    last_seen_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, email),
    FOREIGN KEY (organization_id, manager_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (manager_id),
    CHECK (manager_id <> id)
);
CREATE INDEX ON public.profiles (manager_id);

-- ---------------------------------------------------------------------------------------------------
-- Goals
-- ---------------------------------------------------------------------------------------------------

CREATE TYPE public.goal_status AS ENUM ('draft', 'active', 'at_risk', 'completed', 'cancelled');

CREATE TABLE public.goals (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    owner_id         uuid,
    parent_goal_id   uuid,
    title            text NOT NULL CHECK (title <> ''),
    description      text,
    period           text NOT NULL CHECK (period IN ('quarterly', 'semi_annual', 'annual')),
    status           public.goal_status NOT NULL DEFAULT 'draft',
    progress         numeric(5, 2) NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    tags             text[] NOT NULL DEFAULT '{}',
    starts_on        date NOT NULL,
    due_on           date NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, owner_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (owner_id),
    FOREIGN KEY (organization_id, parent_goal_id) REFERENCES public.goals (organization_id, id)
        ON DELETE SET NULL (parent_goal_id),
    CHECK (due_on > starts_on)
);
CREATE INDEX ON public.goals (owner_id);
CREATE INDEX ON public.goals (parent_goal_id);

-- No organization_id here nor in goal_collaborators: the organisation is the goal's.
CREATE TABLE public.key_results (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    goal_id        uuid NOT NULL REFERENCES public.goals ON DELETE CASCADE,
    title          text NOT NULL,
    unit           text NOT NULL DEFAULT '%',
    start_value    numeric NOT NULL DEFAULT 0,
    target_value   numeric NOT NULL,
    current_value  numeric NOT NULL DEFAULT 0,
    -- A falling value (days to hire, attrition) makes progress, too: both differences change sign.
    progress       numeric(5, 2) NOT NULL GENERATED ALWAYS AS (
        least(100, greatest(0, 100 * (current_value - start_value) / (target_value - start_value)))
    ) STORED,
    weight         smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 10),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (target_value <> start_value)
);
CREATE INDEX ON public.key_results (goal_id);

CREATE TABLE public.goal_collaborators (
    goal_id     uuid NOT NULL REFERENCES public.goals ON DELETE CASCADE,
    profile_id  uuid NOT NULL REFERENCES public.profiles ON DELETE CASCADE,
    role        text NOT NULL DEFAULT 'contributor' CHECK (role IN ('contributor', 'reviewer', 'observer')),
    added_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (goal_id, profile_id)
);
CREATE INDEX ON public.goal_collaborators (profile_id);

-- ---------------------------------------------------------------------------------------------------
-- Recruitment
-- ---------------------------------------------------------------------------------------------------

CREATE TYPE public.candidate_stage AS ENUM
    ('applied', 'screening', 'interview', 'assessment', 'offer', 'hired', 'rejected');

CREATE TABLE public.job_postings (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id    uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    hiring_manager_id  uuid,
    title              text NOT NULL,
    description        text NOT NULL DEFAULT '',
    department         text NOT NULL,
    location           text NOT NULL,
    remote             boolean NOT NULL DEFAULT false,
    contract           text NOT NULL CHECK (contract IN ('permanent', 'fixed_term', 'internship', 'freelance')),
    salary_min         numeric(10, 2),
    salary_max         numeric(10, 2),
    currency           char(3) NOT NULL DEFAULT 'EUR',
    openings           integer NOT NULL DEFAULT 1 CHECK (openings > 0),
    tags               text[] NOT NULL DEFAULT '{}',
    status             text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'open', 'paused', 'closed')),
    published_at       timestamptz,
    closes_on          date,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, hiring_manager_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (hiring_manager_id),
    CHECK (salary_max >= salary_min),
    CHECK (status = 'draft' OR published_at IS NOT NULL)
);
CREATE INDEX ON public.job_postings (hiring_manager_id);
CREATE INDEX ON public.job_postings (organization_id, status);

-- A candidate outlives the posting (the talent pool), so job_posting_id may become NULL.
CREATE TABLE public.candidates (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    job_posting_id   uuid,
    recruiter_id     uuid,
    first_name       text NOT NULL,
    last_name        text NOT NULL,
    full_name        text NOT NULL GENERATED ALWAYS AS (first_name || ' ' || last_name) STORED,
    email            text NOT NULL,
    phone            text,
    stage            public.candidate_stage NOT NULL DEFAULT 'applied',
    source           text NOT NULL DEFAULT 'career_site'
        CHECK (source IN ('career_site', 'referral', 'job_board', 'agency', 'internal')),
    score            integer CHECK (score BETWEEN 0 AND 100),
    expected_salary  numeric(10, 2),
    skills           text[] NOT NULL DEFAULT '{}',
    resume           jsonb NOT NULL DEFAULT '{}',
    available_on     date,
    applied_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, email),
    FOREIGN KEY (organization_id, job_posting_id) REFERENCES public.job_postings (organization_id, id)
        ON DELETE SET NULL (job_posting_id),
    FOREIGN KEY (organization_id, recruiter_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (recruiter_id)
);
CREATE INDEX ON public.candidates (job_posting_id);
CREATE INDEX ON public.candidates (recruiter_id);
CREATE INDEX ON public.candidates (organization_id, stage);

CREATE TABLE public.interviews (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id   uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    candidate_id      uuid NOT NULL,
    interviewer_id    uuid,
    kind              text NOT NULL CHECK (kind IN ('phone', 'video', 'onsite', 'technical', 'culture')),
    status            text NOT NULL DEFAULT 'scheduled'
        CHECK (status IN ('scheduled', 'completed', 'cancelled', 'no_show')),
    scheduled_at      timestamptz NOT NULL,
    duration_minutes  integer NOT NULL DEFAULT 45 CHECK (duration_minutes BETWEEN 10 AND 480),
    location          text,
    rating            smallint CHECK (rating BETWEEN 1 AND 5),
    feedback          text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, candidate_id) REFERENCES public.candidates (organization_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (organization_id, interviewer_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (interviewer_id)
);
CREATE INDEX ON public.interviews (organization_id, scheduled_at);
CREATE INDEX ON public.interviews (candidate_id);
CREATE INDEX ON public.interviews (interviewer_id);

CREATE TABLE public.candidate_notes (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    candidate_id     uuid NOT NULL,
    author_id        uuid,
    body             text NOT NULL CHECK (body <> ''),
    visibility       text NOT NULL DEFAULT 'team' CHECK (visibility IN ('team', 'private')),
    pinned           boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, candidate_id) REFERENCES public.candidates (organization_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (organization_id, author_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (author_id)
);
CREATE INDEX ON public.candidate_notes (organization_id);
CREATE INDEX ON public.candidate_notes (candidate_id);
CREATE INDEX ON public.candidate_notes (author_id);

-- ---------------------------------------------------------------------------------------------------
-- Performance
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE public.performance_reviews (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    reviewee_id      uuid NOT NULL,
    reviewer_id      uuid,
    cycle            text NOT NULL,
    status           text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'submitted', 'acknowledged')),
    overall_rating   numeric(3, 2) CHECK (overall_rating BETWEEN 1 AND 5),
    summary          text,
    due_on           date,
    submitted_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, reviewee_id, cycle),
    FOREIGN KEY (organization_id, reviewee_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (organization_id, reviewer_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (reviewer_id),
    CHECK (reviewer_id <> reviewee_id)
);
CREATE INDEX ON public.performance_reviews (reviewee_id);
CREATE INDEX ON public.performance_reviews (reviewer_id);

CREATE TABLE public.performance_ratings (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    review_id   uuid NOT NULL REFERENCES public.performance_reviews ON DELETE CASCADE,
    criterion   text NOT NULL,
    rating      smallint NOT NULL CHECK (rating BETWEEN 1 AND 5),
    comment     text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (review_id, criterion)
);

CREATE TABLE public.peer_feedback (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    author_id        uuid,
    recipient_id     uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('praise', 'suggestion', 'thanks')),
    message          text NOT NULL,
    confidential     boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, author_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (author_id),
    FOREIGN KEY (organization_id, recipient_id) REFERENCES public.profiles (organization_id, id)
        ON DELETE CASCADE,
    CHECK (author_id <> recipient_id)
);
CREATE INDEX ON public.peer_feedback (organization_id);
CREATE INDEX ON public.peer_feedback (author_id);
CREATE INDEX ON public.peer_feedback (recipient_id);

-- ---------------------------------------------------------------------------------------------------
-- Component registry
-- ---------------------------------------------------------------------------------------------------

-- organization_id IS NULL: public, everybody sees it.
CREATE TABLE public.registry_components (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid REFERENCES public.organizations ON DELETE CASCADE,
    name             text NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('ui', 'hook', 'block', 'template')),
    description      text NOT NULL DEFAULT '',
    version          text NOT NULL DEFAULT '0.1.0',
    props            jsonb NOT NULL DEFAULT '{}',
    keywords         text[] NOT NULL DEFAULT '{}',
    deprecated       boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON public.registry_components (organization_id);

-- A build always belongs to the organisation that ran it, also the build of a public component.
CREATE TABLE public.registry_builds (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    component_id     uuid NOT NULL REFERENCES public.registry_components ON DELETE CASCADE,
    triggered_by     uuid,
    version          text NOT NULL,
    commit_sha       char(40) NOT NULL,
    status           text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    size_bytes       bigint CHECK (size_bytes >= 0),
    steps            jsonb NOT NULL DEFAULT '[]',
    queued_at        timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    finished_at      timestamptz,
    FOREIGN KEY (organization_id, triggered_by) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (triggered_by)
);
CREATE INDEX ON public.registry_builds (organization_id, queued_at);
CREATE INDEX ON public.registry_builds (component_id);
CREATE INDEX ON public.registry_builds (triggered_by);

CREATE TABLE public.registry_publications (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid REFERENCES public.organizations ON DELETE CASCADE,
    component_id     uuid NOT NULL REFERENCES public.registry_components ON DELETE CASCADE,
    version          text NOT NULL,
    channel          text NOT NULL DEFAULT 'stable' CHECK (channel IN ('stable', 'beta', 'canary')),
    notes            text,
    downloads        bigint NOT NULL DEFAULT 0,
    yanked           boolean NOT NULL DEFAULT false,
    published_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (organization_id, component_id, version)
);
CREATE INDEX ON public.registry_publications (component_id);

-- ---------------------------------------------------------------------------------------------------
-- AI agents
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE public.agent_activities (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    requested_by     uuid,
    agent            text NOT NULL,
    action           text NOT NULL,
    status           text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed')),
    confidence       real CHECK (confidence BETWEEN 0 AND 1),
    tokens           integer NOT NULL DEFAULT 0,
    details          jsonb NOT NULL DEFAULT '{}',
    started_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, requested_by) REFERENCES public.profiles (organization_id, id)
        ON DELETE SET NULL (requested_by)
);
CREATE INDEX ON public.agent_activities (organization_id, started_at);
CREATE INDEX ON public.agent_activities (requested_by);

CREATE TABLE public.agent_communications (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    activity_id      uuid NOT NULL,
    from_agent       text NOT NULL,
    to_agent         text NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('request', 'response', 'handoff')),
    priority         smallint NOT NULL DEFAULT 3 CHECK (priority BETWEEN 1 AND 5),
    content          jsonb NOT NULL,
    sent_at          timestamptz NOT NULL DEFAULT now(),
    read_at          timestamptz,
    FOREIGN KEY (organization_id, activity_id) REFERENCES public.agent_activities (organization_id, id)
        ON DELETE CASCADE,
    CHECK (from_agent <> to_agent)
);
CREATE INDEX ON public.agent_communications (organization_id, sent_at);
CREATE INDEX ON public.agent_communications (activity_id);

-- ---------------------------------------------------------------------------------------------------
-- Integrations
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE public.integrations (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    provider         text NOT NULL,
    enabled          boolean NOT NULL DEFAULT true,
    settings         jsonb NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, provider)
);

CREATE TABLE public.integration_sync_logs (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES public.organizations ON DELETE CASCADE,
    integration_id   uuid NOT NULL,
    direction        text NOT NULL CHECK (direction IN ('pull', 'push')),
    status           text NOT NULL CHECK (status IN ('running', 'succeeded', 'partial', 'failed')),
    records_synced   integer NOT NULL DEFAULT 0 CHECK (records_synced >= 0),
    error            jsonb,
    started_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    duration_ms      integer GENERATED ALWAYS AS (
        (1000 * extract(epoch FROM finished_at - started_at))::integer
    ) STORED,
    FOREIGN KEY (organization_id, integration_id) REFERENCES public.integrations (organization_id, id)
        ON DELETE CASCADE
);
CREATE INDEX ON public.integration_sync_logs (organization_id, started_at);
CREATE INDEX ON public.integration_sync_logs (integration_id);

-- ---------------------------------------------------------------------------------------------------
-- updated_at, row-level security: the same for every table
-- ---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    rel regclass;
BEGIN
    FOR rel IN
        SELECT c.oid
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
          AND c.relname = ANY ('{organizations,profiles,goals,key_results,goal_collaborators,job_postings,candidates,
              interviews,candidate_notes,performance_reviews,performance_ratings,peer_feedback,registry_components,
              registry_builds,registry_publications,agent_activities,agent_communications,integrations,
              integration_sync_logs}'::name[])
        ORDER BY c.oid
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', rel);
        IF EXISTS (
            SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = rel AND a.attname = 'updated_at' AND NOT a.attisdropped
        ) THEN
            EXECUTE format(
                'CREATE TRIGGER touch_updated_at BEFORE UPDATE ON %s '
                'FOR EACH ROW EXECUTE FUNCTION app.touch_updated_at()', rel);
        END IF;
    END LOOP;
END
$$;

-- The plain form, column = claim: everything of one's own organisation, to read and to write.
-- WITH CHECK is the same condition, so no row can be written into another organisation.

CREATE POLICY own_organization ON public.job_postings FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_organization ON public.candidates FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_organization ON public.interviews FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_organization ON public.agent_activities FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_organization ON public.agent_communications FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id());

-- Members may only read these; the back end writes them.

CREATE POLICY own_organization_read ON public.organizations FOR SELECT TO authenticated
    USING (id = app.current_organization_id());

CREATE POLICY own_organization_read ON public.integrations FOR SELECT TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_organization_read ON public.integration_sync_logs FOR SELECT TO authenticated
    USING (organization_id = app.current_organization_id());

-- A visitor of an organisation's career site: its claims name the organisation, but no user.
CREATE POLICY career_site ON public.job_postings FOR SELECT TO anon
    USING (organization_id = app.current_organization_id() AND status = 'open');

-- A member changes its own profile only. Which columns is a matter of grants, below: row-level security
-- cannot keep a member from making itself an admin.
CREATE POLICY own_organization_read ON public.profiles FOR SELECT TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_profile_update ON public.profiles FOR UPDATE TO authenticated
    USING (organization_id = app.current_organization_id() AND id = app.current_user_id());

-- Everybody works on the goals of the organisation; the owner, managers and admins may delete them.
CREATE POLICY own_organization_read ON public.goals FOR SELECT TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY own_organization_insert ON public.goals FOR INSERT TO authenticated
    WITH CHECK (organization_id = app.current_organization_id());

CREATE POLICY own_organization_update ON public.goals FOR UPDATE TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY owner_or_manager_delete ON public.goals FOR DELETE TO authenticated
    USING (
        organization_id = app.current_organization_id()
        AND (
            owner_id = app.current_user_id()
            OR EXISTS (
                SELECT FROM public.profiles p
                WHERE p.id = app.current_user_id()
                  AND p.organization_id = goals.organization_id
                  AND p.role IN ('manager', 'admin')
            )
        )
    );

-- Through the parent: these tables have no organisation of their own.

CREATE POLICY own_organization ON public.key_results FOR ALL TO authenticated
    USING (
        EXISTS (
            SELECT FROM public.goals g
            WHERE g.id = key_results.goal_id AND g.organization_id = app.current_organization_id()
        )
    );

CREATE POLICY own_organization ON public.goal_collaborators FOR ALL TO authenticated
    USING (
        EXISTS (
            SELECT FROM public.goals g
            WHERE g.id = goal_collaborators.goal_id AND g.organization_id = app.current_organization_id()
        )
    )
    -- The collaborator, too, must be of the organisation.
    WITH CHECK (
        EXISTS (
            SELECT FROM public.goals g
            JOIN public.profiles p ON p.organization_id = g.organization_id
            WHERE g.id = goal_collaborators.goal_id
              AND p.id = goal_collaborators.profile_id
              AND g.organization_id = app.current_organization_id()
        )
    );

-- Only its author sees a private note. Making it a team note shows it to the colleagues.
CREATE POLICY team_or_author_read ON public.candidate_notes FOR SELECT TO authenticated
    USING (
        organization_id = app.current_organization_id()
        AND (visibility = 'team' OR author_id = app.current_user_id())
    );

CREATE POLICY author_insert ON public.candidate_notes FOR INSERT TO authenticated
    WITH CHECK (organization_id = app.current_organization_id() AND author_id = app.current_user_id());

CREATE POLICY author_update ON public.candidate_notes FOR UPDATE TO authenticated
    USING (organization_id = app.current_organization_id() AND author_id = app.current_user_id());

CREATE POLICY author_delete ON public.candidate_notes FOR DELETE TO authenticated
    USING (organization_id = app.current_organization_id() AND author_id = app.current_user_id());

-- A review concerns the two people in it, and the admins of the organisation.
CREATE POLICY participants_or_admin_read ON public.performance_reviews FOR SELECT TO authenticated
    USING (
        organization_id = app.current_organization_id()
        AND (
            reviewee_id = app.current_user_id()
            OR reviewer_id = app.current_user_id()
            OR EXISTS (
                SELECT FROM public.profiles p
                WHERE p.id = app.current_user_id()
                  AND p.organization_id = performance_reviews.organization_id
                  AND p.role = 'admin'
            )
        )
    );

CREATE POLICY reviewer_insert ON public.performance_reviews FOR INSERT TO authenticated
    WITH CHECK (organization_id = app.current_organization_id() AND reviewer_id = app.current_user_id());

CREATE POLICY reviewer_update ON public.performance_reviews FOR UPDATE TO authenticated
    USING (organization_id = app.current_organization_id() AND reviewer_id = app.current_user_id());

-- Whoever may see the review may see its ratings: the policies of performance_reviews hold in the sub-select.
CREATE POLICY review_visible_read ON public.performance_ratings FOR SELECT TO authenticated
    USING (
        EXISTS (
            SELECT FROM public.performance_reviews r
            WHERE r.id = performance_ratings.review_id AND r.organization_id = app.current_organization_id()
        )
    );

CREATE POLICY reviewer_write ON public.performance_ratings FOR ALL TO authenticated
    USING (
        EXISTS (
            SELECT FROM public.performance_reviews r
            WHERE r.id = performance_ratings.review_id
              AND r.organization_id = app.current_organization_id()
              AND r.reviewer_id = app.current_user_id()
              AND r.status = 'draft'
        )
    );

CREATE POLICY open_or_participant_read ON public.peer_feedback FOR SELECT TO authenticated
    USING (
        organization_id = app.current_organization_id()
        AND (NOT confidential OR author_id = app.current_user_id() OR recipient_id = app.current_user_id())
    );

CREATE POLICY author_insert ON public.peer_feedback FOR INSERT TO authenticated
    WITH CHECK (organization_id = app.current_organization_id() AND author_id = app.current_user_id());

CREATE POLICY author_delete ON public.peer_feedback FOR DELETE TO authenticated
    USING (organization_id = app.current_organization_id() AND author_id = app.current_user_id());

-- Public rows are for everybody to read; a member writes rows of its own organisation, never public ones.

CREATE POLICY public_or_own_read ON public.registry_components FOR SELECT TO authenticated, anon
    USING (organization_id IS NULL OR organization_id = app.current_organization_id());

CREATE POLICY own_organization_write ON public.registry_components FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id());

CREATE POLICY public_or_own_read ON public.registry_publications FOR SELECT TO authenticated, anon
    USING (organization_id IS NULL OR organization_id = app.current_organization_id());

-- The component of a build or a publication must be one that the member sees.

CREATE POLICY own_organization ON public.registry_builds FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id())
    WITH CHECK (
        organization_id = app.current_organization_id()
        AND EXISTS (SELECT FROM public.registry_components c WHERE c.id = registry_builds.component_id)
    );

CREATE POLICY own_organization_write ON public.registry_publications FOR ALL TO authenticated
    USING (organization_id = app.current_organization_id())
    WITH CHECK (
        organization_id = app.current_organization_id()
        AND EXISTS (SELECT FROM public.registry_components c WHERE c.id = registry_publications.component_id)
    );

-- ---------------------------------------------------------------------------------------------------
-- Grants
-- ---------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA public, app TO authenticated, anon;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    public.profiles, public.goals, public.key_results, public.goal_collaborators, public.job_postings,
    public.candidates, public.interviews, public.candidate_notes, public.performance_reviews,
    public.performance_ratings, public.peer_feedback, public.registry_components, public.registry_builds,
    public.registry_publications, public.agent_activities, public.agent_communications,
    public.integration_sync_logs
    TO authenticated;
GRANT SELECT ON public.organizations, public.integrations TO authenticated;

-- A member may not change role, organisation and manager of the profile.
REVOKE UPDATE ON public.profiles FROM authenticated;
GRANT UPDATE (full_name, job_title, locale, skills, presence, last_seen_at) ON public.profiles TO authenticated;

-- Visitors may read three of the 17 tables.
GRANT SELECT ON public.job_postings, public.registry_components, public.registry_publications TO anon;
