-- The demo's writer: app.demo_step(step) makes one small, believable change and says in a sentence what
-- it was. Called in a loop, each call in its own transaction, by the owner of the tables:
--
--   select app.demo_step(1);
--
-- step chooses the kind of change and the rows it falls on; steps may be repeated, in any order. Rows
-- are taken with FOR UPDATE SKIP LOCKED, so several writers may work at a time. What is inserted is
-- deleted again by other steps: the tables stay about as large as they are.

SET client_encoding = 'UTF8';

-- Where to start looking for a row: the same for the same step, evenly spread over the keys.
CREATE FUNCTION app.demo_probe(step integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = ''
AS $$
    SELECT md5('demo step ' || step)::uuid
$$;

CREATE FUNCTION app.demo_one_of(step integer, VARIADIC choices text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = ''
AS $$
    SELECT choices[1 + ('x' || substr(md5('demo choice ' || step), 1, 7))::bit(28)::integer % cardinality(choices)]
$$;

-- A member of the organisation.
CREATE FUNCTION app.demo_member(step integer, organization uuid) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = ''
AS $$
    SELECT p.id
    FROM public.profiles p
    WHERE p.organization_id = organization
    ORDER BY p.id < app.demo_probe(step), p.id
    LIMIT 1
$$;

-- A row of the table that meets the condition, locked: its id. NULL when there is none, or others have locked all of them.
-- Call it in a sub-select: in a WHERE by itself it would be called, and lock, for every row.
CREATE FUNCTION app.demo_row(step integer, relation regclass, condition text = 'true') RETURNS uuid
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    row_id uuid;
BEGIN
    EXECUTE format('SELECT id FROM %s WHERE %s ORDER BY id < $1, id LIMIT 1 FOR UPDATE SKIP LOCKED', relation, condition)
    INTO row_id
    USING app.demo_probe(step);
    RETURN row_id;
END
$$;

-- ---------------------------------------------------------------------------------------------------
-- Goals
-- ---------------------------------------------------------------------------------------------------

-- A key result moves, and its goal with it: two tables in one transaction. A finished one starts over,
-- or there would be nothing left to watch after a while.
CREATE FUNCTION app.demo_goal_progress(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    goal public.goals;
    result public.key_results;
BEGIN
    SELECT g.* INTO goal
    FROM public.goals g
    WHERE g.status IN ('active', 'at_risk', 'completed')
      AND EXISTS (SELECT FROM public.key_results k WHERE k.goal_id = g.id)
    ORDER BY g.id < app.demo_probe(step), g.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED;

    UPDATE public.key_results k
    SET current_value = CASE
            WHEN k.progress >= 100 THEN k.start_value
            ELSE k.current_value + round((k.target_value - k.start_value) * 0.15, 1)
        END
    WHERE k.id = (
        SELECT c.id FROM public.key_results c
        WHERE c.goal_id = goal.id
        ORDER BY c.id < app.demo_probe(step), c.id
        LIMIT 1
    )
    RETURNING k.* INTO result;
    IF NOT FOUND THEN
        RETURN 'no goal to work on';
    END IF;

    UPDATE public.goals g
    SET progress = s.progress,
        status = CASE WHEN s.progress = 100 THEN 'completed' WHEN s.progress < 20 THEN 'at_risk'
            ELSE 'active' END::public.goal_status
    FROM (
        SELECT sum(k.progress * k.weight) / sum(k.weight) AS progress
        FROM public.key_results k
        WHERE k.goal_id = goal.id
    ) AS s
    WHERE g.id = goal.id;
    RETURN format('key result "%s" of goal "%s" is at %s %%', result.title, goal.title, result.progress);
END
$$;

CREATE FUNCTION app.demo_goal_opened(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    author public.profiles;
    goal public.goals;
BEGIN
    SELECT p.* INTO STRICT author
    FROM public.profiles p
    ORDER BY p.id < app.demo_probe(step), p.id
    LIMIT 1;

    INSERT INTO public.goals (organization_id, owner_id, title, period, status, tags, starts_on, due_on)
    VALUES (author.organization_id, author.id,
        app.demo_one_of(step, 'Préparer la rentrée', 'Organise the winter offsite', 'Réviser la grille salariale',
            'Publish the mobility charter'),
        'quarterly', 'active', '{demo}', current_date, current_date + 90)
    RETURNING * INTO goal;
    INSERT INTO public.key_results (goal_id, title, target_value)
    VALUES (goal.id, 'Étapes franchies', 10), (goal.id, 'Budget engagé', 100);
    INSERT INTO public.goal_collaborators (goal_id, profile_id)
    VALUES (goal.id, app.demo_member(step + 1, goal.organization_id));
    RETURN format('%s opens goal "%s"', author.full_name, goal.title);
END
$$;

-- Key results and collaborators go with the goal.
CREATE FUNCTION app.demo_goal_dropped(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    goal_title text;
BEGIN
    DELETE FROM public.goals
    WHERE id = (SELECT app.demo_row(step, 'public.goals', 'tags @> ''{demo}'''))
    RETURNING title INTO goal_title;
    RETURN coalesce(format('goal "%s" is given up', goal_title), 'no goal to give up');
END
$$;

-- ---------------------------------------------------------------------------------------------------
-- Recruitment
-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION app.demo_candidate_applies(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    posting public.job_postings;
    candidate public.candidates;
BEGIN
    SELECT j.* INTO posting
    FROM public.job_postings j
    WHERE j.status = 'open'
    ORDER BY j.id < app.demo_probe(step), j.id
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN 'no open posting to apply for';
    END IF;

    INSERT INTO public.candidates (organization_id, job_posting_id, first_name, last_name, email, source, skills)
    VALUES (posting.organization_id, posting.id,
        app.demo_one_of(step, 'Clémence', 'Arthur', 'Nadège', 'Siôn', 'Noor', 'Gaëtan', 'Mirjam'),
        app.demo_one_of(step + 1, 'Dupré', 'Walker', 'Désormeaux', 'Ó Briain', 'Łoś', 'Gomes'),
        -- A step may be repeated, but an address must be unique.
        format('candidat-%s@courriel.example', gen_random_uuid()),
        app.demo_one_of(step, 'career_site', 'job_board', 'referral'),
        ARRAY[app.demo_one_of(step, 'PostgreSQL', 'paie', 'négociation')])
    RETURNING * INTO candidate;
    RETURN format('%s applies for "%s"', candidate.full_name, posting.title);
END
$$;

-- To the next stage; from the end of the pipeline back to its start.
CREATE FUNCTION app.demo_candidate_moves(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    candidate public.candidates;
BEGIN
    UPDATE public.candidates c
    SET stage = CASE c.stage WHEN 'applied' THEN 'screening' WHEN 'screening' THEN 'interview'
            WHEN 'interview' THEN 'assessment' WHEN 'assessment' THEN app.demo_one_of(step, 'offer', 'rejected')
            WHEN 'offer' THEN 'hired' ELSE 'applied' END::public.candidate_stage,
        score = least(100, coalesce(c.score, 40) + 5)
    WHERE c.id = (SELECT app.demo_row(step, 'public.candidates'))
    RETURNING c.* INTO candidate;
    RETURN coalesce(format('%s moves to %s', candidate.full_name, candidate.stage), 'no candidate to move');
END
$$;

-- A colleague takes over: whoever follows recruiter_id=eq.… gains or loses a row.
CREATE FUNCTION app.demo_candidate_reassigned(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    candidate public.candidates;
BEGIN
    UPDATE public.candidates c
    SET recruiter_id = app.demo_member(step + 1, c.organization_id)
    WHERE c.id = (SELECT app.demo_row(step, 'public.candidates'))
    RETURNING c.* INTO candidate;
    RETURN coalesce(
        format('%s is reassigned to %s', candidate.full_name,
            (SELECT p.full_name FROM public.profiles p WHERE p.id = candidate.recruiter_id)),
        'no candidate to reassign');
END
$$;

-- Interviews and notes go with the candidate. Only those who came through demo_candidate_applies.
CREATE FUNCTION app.demo_candidate_withdraws(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    candidate_name text;
BEGIN
    DELETE FROM public.candidates
    WHERE id = (SELECT app.demo_row(step, 'public.candidates', 'email LIKE ''candidat-%'''))
    RETURNING full_name INTO candidate_name;
    RETURN coalesce(format('%s withdraws', candidate_name), 'no candidate to withdraw');
END
$$;

CREATE FUNCTION app.demo_interview_planned(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    candidate public.candidates;
    interview public.interviews;
BEGIN
    SELECT c.* INTO candidate
    FROM public.candidates c
    WHERE c.id = (SELECT app.demo_row(step, 'public.candidates', 'stage NOT IN (''hired'', ''rejected'')'));
    IF NOT FOUND THEN
        RETURN 'no candidate to interview';
    END IF;

    INSERT INTO public.interviews (organization_id, candidate_id, interviewer_id, kind, scheduled_at, location)
    VALUES (candidate.organization_id, candidate.id, app.demo_member(step, candidate.organization_id),
        app.demo_one_of(step, 'phone', 'video', 'onsite', 'technical', 'culture'),
        date_trunc('hour', now()) + interval '2 days', 'Salle Molière')
    RETURNING * INTO interview;
    RETURN format('%s interview with %s is planned', interview.kind, candidate.full_name);
END
$$;

-- A planned interview is held, or cancelled and forgotten.
CREATE FUNCTION app.demo_interview_ends(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    interview public.interviews;
    candidate_name text;
BEGIN
    SELECT i.* INTO interview
    FROM public.interviews i
    WHERE i.id = (SELECT app.demo_row(step, 'public.interviews', 'status = ''scheduled'''));
    IF NOT FOUND THEN
        RETURN 'no interview to hold';
    END IF;
    SELECT c.full_name INTO candidate_name FROM public.candidates c WHERE c.id = interview.candidate_id;

    IF app.demo_one_of(step, 'held', 'cancelled') = 'cancelled' THEN
        DELETE FROM public.interviews WHERE id = interview.id;
        RETURN format('interview with %s is cancelled', candidate_name);
    END IF;
    UPDATE public.interviews
    SET status = 'completed', rating = app.demo_one_of(step, '2', '3', '4', '5')::smallint,
        feedback = app.demo_one_of(step, 'Très à l’aise à l’oral.', 'Solid answers.', 'À revoir avec l’équipe.')
    WHERE id = interview.id;
    RETURN format('interview with %s is held', candidate_name);
END
$$;

CREATE FUNCTION app.demo_note_written(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    candidate public.candidates;
    note public.candidate_notes;
BEGIN
    SELECT c.* INTO candidate
    FROM public.candidates c
    WHERE c.id = (SELECT app.demo_row(step, 'public.candidates'));
    IF NOT FOUND THEN
        RETURN 'no candidate to write about';
    END IF;

    INSERT INTO public.candidate_notes (organization_id, candidate_id, author_id, body, visibility)
    VALUES (candidate.organization_id, candidate.id, app.demo_member(step, candidate.organization_id),
        app.demo_one_of(step, 'À rappeler avant vendredi 📞', 'Strong on "soft skills".', 'Préavis : un mois.'),
        app.demo_one_of(step, 'team', 'team', 'private'))
    RETURNING * INTO note;
    RETURN format('%s note on %s: %s', note.visibility, candidate.full_name, note.body);
END
$$;

-- A private note becomes a team note, and back: the colleagues see it appear and disappear.
CREATE FUNCTION app.demo_note_shared(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    note public.candidate_notes;
BEGIN
    UPDATE public.candidate_notes n
    SET visibility = CASE n.visibility WHEN 'team' THEN 'private' ELSE 'team' END
    WHERE n.id = (SELECT app.demo_row(step, 'public.candidate_notes'))
    RETURNING n.* INTO note;
    RETURN coalesce(format('a note is now for %s eyes: %s', note.visibility, note.body), 'no note to share');
END
$$;

CREATE FUNCTION app.demo_note_deleted(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    note public.candidate_notes;
BEGIN
    DELETE FROM public.candidate_notes
    WHERE id = (SELECT app.demo_row(step, 'public.candidate_notes'))
    RETURNING * INTO note;
    RETURN coalesce(format('a note is deleted: %s', note.body), 'no note to delete');
END
$$;

-- ---------------------------------------------------------------------------------------------------
-- People, agents, registry
-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION app.demo_presence(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    person public.profiles;
BEGIN
    UPDATE public.profiles p
    SET presence = CASE p.presence WHEN 'online' THEN 'away' WHEN 'away' THEN 'offline'
            ELSE 'online' END::public.presence,
        last_seen_at = now()
    WHERE p.id = (SELECT app.demo_row(step, 'public.profiles'))
    RETURNING p.* INTO person;
    RETURN coalesce(format('%s is %s', person.full_name, person.presence), 'nobody is there');
END
$$;

CREATE FUNCTION app.demo_agent_starts(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    person public.profiles;
    activity public.agent_activities;
BEGIN
    SELECT p.* INTO STRICT person
    FROM public.profiles p
    ORDER BY p.id < app.demo_probe(step), p.id
    LIMIT 1;

    INSERT INTO public.agent_activities (organization_id, requested_by, agent, action, details)
    VALUES (person.organization_id, person.id,
        app.demo_one_of(step, 'recruiter-copilot', 'goal-coach', 'review-writer'),
        app.demo_one_of(step, 'Tri des candidatures', 'Suggest key results', 'Relecture d’une évaluation'),
        jsonb_build_object('demo', true))
    RETURNING * INTO activity;
    INSERT INTO public.agent_communications (organization_id, activity_id, from_agent, to_agent, kind, content)
    VALUES (activity.organization_id, activity.id, activity.agent, 'orchestrator', 'request',
        jsonb_build_object('sujet', activity.action));
    RETURN format('agent %s starts for %s', activity.agent, person.full_name);
END
$$;

-- An agent's work ends, and the oldest of the demo's finished activities is deleted.
CREATE FUNCTION app.demo_agent_finishes(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    activity public.agent_activities;
BEGIN
    DELETE FROM public.agent_activities
    WHERE id IN (
        SELECT a.id FROM public.agent_activities a
        WHERE a.details @> '{"demo": true}' AND a.status <> 'running'
        ORDER BY a.started_at DESC
        OFFSET 50
        FOR UPDATE SKIP LOCKED
    );
    UPDATE public.agent_activities a
    SET status = app.demo_one_of(step, 'succeeded', 'succeeded', 'failed'), finished_at = now(),
        tokens = a.tokens + 1200, confidence = 0.87
    WHERE a.id = (SELECT app.demo_row(step, 'public.agent_activities', 'status = ''running'''))
    RETURNING a.* INTO activity;
    RETURN coalesce(format('agent %s has %s', activity.agent, activity.status), 'no agent at work');
END
$$;

CREATE FUNCTION app.demo_build_moves(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    build public.registry_builds;
BEGIN
    UPDATE public.registry_builds b
    SET status = CASE b.status WHEN 'queued' THEN 'running'
            WHEN 'running' THEN app.demo_one_of(step, 'succeeded', 'failed') ELSE 'queued' END,
        started_at = CASE b.status WHEN 'queued' THEN now() WHEN 'running' THEN b.started_at END,
        finished_at = CASE b.status WHEN 'running' THEN now() END
    WHERE b.id = (
        -- A build under way goes on before another one is queued.
        SELECT c.id FROM public.registry_builds c
        ORDER BY c.status NOT IN ('queued', 'running'), c.id < app.demo_probe(step), c.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING b.* INTO build;
    RETURN coalesce(format('build %s is %s', build.version, build.status), 'no build to run');
END
$$;

-- ---------------------------------------------------------------------------------------------------
-- Changes that concern more than one organisation
-- ---------------------------------------------------------------------------------------------------

-- A candidate moves to another organisation by one UPDATE: a DELETE for readers of the old one, an INSERT for
-- readers of the new one. Notes and interviews belong to the old organisation and are deleted.
CREATE FUNCTION app.demo_candidate_transferred(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    candidate public.candidates;
    posting public.job_postings;
BEGIN
    SELECT c.* INTO candidate
    FROM public.candidates c
    WHERE c.id = (SELECT app.demo_row(step, 'public.candidates'));
    SELECT j.* INTO posting
    FROM public.job_postings j
    WHERE j.status = 'open' AND j.organization_id <> candidate.organization_id
    ORDER BY j.id < app.demo_probe(step), j.id
    LIMIT 1;
    IF posting.id IS NULL THEN
        RETURN 'no candidate to transfer';
    END IF;

    DELETE FROM public.candidate_notes WHERE candidate_id = candidate.id;
    DELETE FROM public.interviews WHERE candidate_id = candidate.id;
    UPDATE public.candidates
    SET organization_id = posting.organization_id, job_posting_id = posting.id, recruiter_id = NULL,
        stage = 'applied', source = 'internal'
    WHERE id = candidate.id;
    INSERT INTO public.candidate_notes (organization_id, candidate_id, author_id, body)
    VALUES (posting.organization_id, candidate.id, app.demo_member(step, posting.organization_id),
        'Mobilité entre entités : bienvenue !');
    RETURN format('%s goes from %s to %s', candidate.full_name,
        (SELECT o.name FROM public.organizations o WHERE o.id = candidate.organization_id),
        (SELECT o.name FROM public.organizations o WHERE o.id = posting.organization_id));
END
$$;

-- A component becomes public, so that everybody sees it, or private again to the organisation that builds it.
CREATE FUNCTION app.demo_component_published(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    component public.registry_components;
BEGIN
    UPDATE public.registry_components r
    SET organization_id = CASE WHEN r.organization_id IS NULL THEN (
            SELECT b.organization_id FROM public.registry_builds b
            WHERE b.component_id = r.id
            ORDER BY b.queued_at
            LIMIT 1
        ) END
    WHERE r.id = (SELECT app.demo_row(step, 'public.registry_components'))
    RETURNING r.* INTO component;
    UPDATE public.registry_publications
    SET organization_id = component.organization_id
    WHERE component_id = component.id;
    RETURN coalesce(
        format('component %s is %s', component.name,
            CASE WHEN component.organization_id IS NULL THEN 'public' ELSE 'private again' END),
        'no component to publish');
END
$$;

-- One transaction with a row for every organisation; each sees its own. The oldest logs are deleted.
CREATE FUNCTION app.demo_payroll_synced(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
DECLARE
    synced bigint;
BEGIN
    INSERT INTO public.integration_sync_logs (organization_id, integration_id, direction, status, records_synced,
        started_at, finished_at)
    SELECT g.organization_id, g.id, 'pull', 'succeeded', 20 + abs(step % 80), now(), now() + interval '1.5 seconds'
    FROM public.integrations g
    WHERE g.provider = 'payroll' AND g.enabled;
    GET DIAGNOSTICS synced = ROW_COUNT;

    DELETE FROM public.integration_sync_logs
    WHERE id IN (
        SELECT l.id FROM public.integration_sync_logs l
        ORDER BY l.started_at
        LIMIT synced
        FOR UPDATE SKIP LOCKED
    );
    RETURN format('payroll is synchronised for %s organisations', synced);
END
$$;

-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION app.demo_step(step integer) RETURNS text
    LANGUAGE plpgsql
    SET search_path = ''
AS $$
BEGIN
    -- % keeps the sign of a negative step.
    CASE (step % 24 + 24) % 24
        WHEN 0, 5, 10, 15, 20 THEN RETURN app.demo_goal_progress(step);
        WHEN 1, 8, 16 THEN RETURN app.demo_candidate_moves(step);
        WHEN 2 THEN RETURN app.demo_interview_planned(step);
        WHEN 3 THEN RETURN app.demo_note_written(step);
        WHEN 4, 14 THEN RETURN app.demo_presence(step);
        WHEN 6 THEN RETURN app.demo_agent_starts(step);
        WHEN 7 THEN RETURN app.demo_candidate_applies(step);
        WHEN 9 THEN RETURN app.demo_candidate_reassigned(step);
        WHEN 11 THEN RETURN app.demo_build_moves(step);
        WHEN 12 THEN RETURN app.demo_note_shared(step);
        WHEN 13 THEN RETURN app.demo_goal_opened(step);
        WHEN 17 THEN RETURN app.demo_interview_ends(step);
        WHEN 18 THEN RETURN app.demo_agent_finishes(step);
        WHEN 19 THEN RETURN app.demo_candidate_withdraws(step);
        WHEN 21 THEN RETURN app.demo_note_deleted(step);
        WHEN 22 THEN RETURN app.demo_goal_dropped(step);
        ELSE
            CASE (step / 24 % 3 + 3) % 3
                WHEN 0 THEN RETURN app.demo_candidate_transferred(step);
                WHEN 1 THEN RETURN app.demo_component_published(step);
                ELSE RETURN app.demo_payroll_synced(step);
            END CASE;
    END CASE;
END
$$;

-- Only the owner may call them: row-level security does not apply to the owner, and the functions check no claims.
DO $$
DECLARE
    fn regprocedure;
BEGIN
    FOR fn IN
        SELECT p.oid FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'app'::regnamespace AND p.proname LIKE 'demo\_%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
    END LOOP;
END
$$;
