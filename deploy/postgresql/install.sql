-- What an administrator does once on a PostgreSQL (15 or newer) that previews share, and again after an update that says so:
--
--     psql -X -d "$ADMINISTRATORS_URL" -v deployer=deployer -v namespaces='pr-{pr}' -f deploy/postgresql/install.sql
--
-- in the database that the worker's URL names: roles belong to the whole server, these procedures and the worker's locks to one database.
-- Several namespace templates are divided by spaces. The administrator is a superuser or, on a managed server, a role with CREATEROLE and
-- CREATEDB that may make a schema in this database.
--
-- Why: the worker makes and drops a role for each preview, but must not hold CREATEROLE. On PostgreSQL 15 whoever holds it can grant himself
-- pg_execute_server_program and run commands as the server. So the worker's role may only call three procedures, which run with the
-- rights of `previews_role_maker`, a role that nobody signs in as, and which touch nothing but roles that they have made themselves.

\set ON_ERROR_STOP on
\if :{?deployer}
\else
    \set deployer deployer
\endif
\if :{?namespaces}
\else
    \set namespaces pr-{pr}
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL previews.deployer = :'deployer';
SET LOCAL previews.namespaces = :'namespaces';

-- The worker's role. Without a password until somebody gives it one: `\password deployer`.
DO $$
DECLARE
    deployer constant text := current_setting('previews.deployer');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = deployer) THEN
        EXECUTE format('CREATE ROLE %I LOGIN CREATEDB NOCREATEROLE', deployer);
    ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = deployer AND rolsuper) THEN
        RAISE EXCEPTION 'role % is a superuser', deployer USING HINT = 'Give the worker a role of its own.';
    ELSIF deployer = current_user THEN
        RAISE WARNING 'the worker signs in as the administrator %: what it may do is not confined', deployer;
    ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = deployer AND (rolcreaterole OR NOT rolcanlogin OR NOT rolcreatedb)) THEN
        EXECUTE format('ALTER ROLE %I LOGIN CREATEDB NOCREATEROLE', deployer);
    END IF;
END $$;

-- What an older worker, which held CREATEROLE, may have granted itself, or somebody else to it.
DO $$
DECLARE
    deployer constant text := current_setting('previews.deployer');
    powers text;
BEGIN
    SELECT string_agg(rolname, ', ') INTO powers FROM pg_roles
    WHERE rolname NOT IN (deployer, 'pg_database_owner') AND pg_has_role(deployer, oid, 'MEMBER')
        AND NOT starts_with(coalesce(shobj_description(oid, 'pg_authid'), ''), 'temporal-previews: ');
    IF deployer <> current_user AND powers IS NOT NULL THEN
        RAISE EXCEPTION 'role % is a member of %', deployer, powers USING HINT = 'Revoke that, then install again.';
    END IF;
END $$;

-- The role that the procedures run as. It owns nothing else, and nobody signs in as it.
DO $$
DECLARE
    mark constant text := 'temporal-previews: makes the roles of previews';
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'previews_role_maker') THEN
        CREATE ROLE previews_role_maker NOLOGIN CREATEROLE;
        EXECUTE format('COMMENT ON ROLE previews_role_maker IS %L', mark);
    ELSIF (SELECT shobj_description(oid, 'pg_authid') IS DISTINCT FROM mark FROM pg_roles WHERE rolname = 'previews_role_maker') THEN
        RAISE EXCEPTION 'there is a role previews_role_maker that was not made by this script' USING HINT = 'Rename it.';
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT previews_role_maker TO CURRENT_USER;  -- to give it the schema
    END IF;
    IF pg_has_role(current_setting('previews.deployer'), 'previews_role_maker', 'MEMBER')
        AND current_setting('previews.deployer') <> current_user THEN
        RAISE EXCEPTION 'role % is a member of previews_role_maker', current_setting('previews.deployer') USING HINT = 'Revoke that.';
    END IF;
END $$;

-- Roles that an older worker made by itself: from PostgreSQL 16 on, only who has ADMIN on a role may alter or drop it.
DO $$
DECLARE
    made text;
BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        RETURN;
    END IF;
    FOR made IN
        SELECT rolname FROM pg_roles
        WHERE shobj_description(oid, 'pg_authid') ~ '^temporal-previews: (stack|template) '
            AND NOT pg_has_role('previews_role_maker', oid, 'MEMBER WITH ADMIN OPTION')
    LOOP
        BEGIN
            EXECUTE format('GRANT %I TO previews_role_maker WITH ADMIN OPTION', made);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'somebody who has ADMIN on it, such as the worker''s role, should run: %',
                format('GRANT %I TO previews_role_maker WITH ADMIN OPTION', made);
        END;
    END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS previews AUTHORIZATION previews_role_maker;
DO $$
BEGIN
    IF (SELECT nspowner <> 'previews_role_maker'::regrole FROM pg_namespace WHERE nspname = 'previews') THEN
        RAISE EXCEPTION 'there is a schema previews that was not made by this script' USING HINT = 'Install in another database.';
    END IF;
END $$;

SET LOCAL ROLE previews_role_maker;

-- Whose names the worker may give: rows are namespace templates (PREVIEWS_NAMESPACE_TEMPLATE), as in stack/names.py.
CREATE TABLE IF NOT EXISTS previews.namespaces (
    template text PRIMARY KEY CHECK (template ~ '^[a-z0-9-]*(\{app\}[a-z0-9-]*)?\{pr\}[a-z0-9-]*(\{app\}[a-z0-9-]*)?$')
);
INSERT INTO previews.namespaces
SELECT regexp_split_to_table(trim(current_setting('previews.namespaces')), '\s+')
ON CONFLICT DO NOTHING;

-- Who is granted the roles that are made: one role per database in which this is installed.
CREATE TABLE IF NOT EXISTS previews.installed (deployer text PRIMARY KEY);
INSERT INTO previews.installed VALUES (current_setting('previews.deployer')) ON CONFLICT DO NOTHING;
DO $$
BEGIN
    IF (SELECT count(*) > 1 FROM previews.installed) THEN
        RAISE EXCEPTION 'it is installed here for %', (SELECT string_agg(deployer, ' and ') FROM previews.installed)
            USING HINT = 'One worker''s role per database; DELETE FROM previews.installed removes one.';
    END IF;
END $$;

-- Counted up when the worker needs another one than before.
CREATE OR REPLACE FUNCTION previews.version() RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 1';

-- Whether the template can have given this name (`could_be` and `namespace_for` in stack/names.py). Templates hold no character that a
-- regular expression would read as anything else. A name that would be too long is cut and ends with a hash.
CREATE OR REPLACE FUNCTION previews.could_be(namespace text, template text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT length(namespace) <= 52 AND (
        namespace ~ ('^' || replace(
            replace(template, '{pr}', '[1-9][0-9]{0,8}'), '{app}', '[a-z]([-a-z0-9]{0,38}[a-z0-9])?') || '$')
        OR length(namespace) > 40
            AND length(replace(replace(template, '{pr}', repeat('9', 9)), '{app}', repeat('x', 40))) > 52
            AND namespace ~ ('^' || split_part(template, '{', 1) || '[-a-z0-9]*-[0-9a-f]{8}$'))
$$;

-- `purpose` is `stack NAMESPACE` or `template VERSION`, and what follows our name in the comment of the role.
CREATE OR REPLACE FUNCTION previews.is_role_of(purpose text, name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE split_part(purpose, ' ', 1)
        WHEN 'stack' THEN
            name IN (replace(substr(purpose, 7), '-', '_'), replace(substr(purpose, 7), '-', '_') || '_app')
            AND EXISTS (SELECT FROM previews.namespaces WHERE previews.could_be(substr(purpose, 7), template))
        WHEN 'template' THEN
            substr(purpose, 10) ~ '^[0-9]{1,6}(\.[0-9]{1,6}){1,3}$' AND name = 'template_' || replace(substr(purpose, 10), '.', '_')
        ELSE false
    END
$$;

-- Whether the role is there. It must bear the mark, which only these procedures write, and have nothing that they do not give. (NOINHERIT
-- would not do: the owner of a database is by inheritance who may write in its schema `public`.)
CREATE OR REPLACE FUNCTION previews.is_made(purpose text, name text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mark constant text := 'temporal-previews: ' || purpose;
    role record;
BEGIN
    IF previews.is_role_of(purpose, name) IS NOT TRUE THEN
        RAISE EXCEPTION '% is no role of %', coalesce(quote_ident(name), 'NULL'), coalesce(quote_literal(purpose), 'NULL')
            USING ERRCODE = 'insufficient_privilege',
                HINT = 'The namespace template must be among those that deploy/postgresql/install.sql was given';
    END IF;
    SELECT coalesce(shobj_description(oid, 'pg_authid'), '') AS comment,
        rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
            OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid) AS is_powerful
    INTO role FROM pg_roles WHERE rolname = name;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF role.comment <> mark OR role.is_powerful THEN
        RAISE EXCEPTION 'there is a role % with the comment %', quote_ident(name), quote_literal(role.comment)
            USING ERRCODE = 'insufficient_privilege', HINT = 'rename it or choose another namespace template',
                DETAIL = CASE WHEN role.is_powerful THEN 'It may do more than sign in, or is a member of another role.' ELSE '' END;
    END IF;
    RETURN true;
END $$;

-- A role that signs in with this password, at most so many times at once, for so many minutes (NULL: for ever). The password comes as a
-- SCRAM verifier: in clear it would be in the server's log. Sessions whose client vanished end within half a minute, not after hours: they
-- count against the limit. The worker becomes a member: CREATE DATABASE … OWNER, REASSIGN OWNED, DROP OWNED and ending the role's sessions
-- ask for that. So it can be whatever any preview is, and that is all that it can be.
CREATE OR REPLACE PROCEDURE previews.ensure_role(purpose text, name text, verifier text, connections integer, minutes integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    deployer constant text := (SELECT installed.deployer FROM previews.installed);
    until constant timestamptz := coalesce(now() + minutes * interval '1 minute', 'infinity');
BEGIN
    IF (verifier ~ '^SCRAM-SHA-256\$[0-9]{1,7}:[A-Za-z0-9+/]{8,}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$') IS NOT TRUE THEN
        RAISE EXCEPTION 'the password of % must be given as a SCRAM verifier', quote_ident(name) USING ERRCODE = 'invalid_password';
    END IF;
    IF (connections BETWEEN 1 AND 1000) IS NOT TRUE THEN
        RAISE EXCEPTION 'the limit of % is not between 1 and 1000', quote_ident(name) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT previews.is_made(purpose, name) THEN
        EXECUTE format('CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name);
        EXECUTE format('COMMENT ON ROLE %I IS %L', name, 'temporal-previews: ' || purpose);
        EXECUTE format('ALTER ROLE %I SET tcp_keepalives_idle = 10', name);
        EXECUTE format('ALTER ROLE %I SET tcp_keepalives_interval = 5', name);
        EXECUTE format('ALTER ROLE %I SET tcp_keepalives_count = 3', name);
        -- Keepalives are silent while an answer is on its way to a pod that is gone: without this such a session counts for a quarter of an hour.
        EXECUTE format('ALTER ROLE %I SET tcp_user_timeout = 15000', name);
    END IF;
    IF NOT pg_has_role(deployer, name, 'MEMBER') THEN
        EXECUTE format('GRANT %I TO %I', name, deployer);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN CONNECTION LIMIT %s VALID UNTIL %L PASSWORD %L', name, connections, until, verifier);
END $$;

-- Nobody signs in as it any more; what it owns stays its own.
CREATE OR REPLACE PROCEDURE previews.close_role(purpose text, name text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF previews.is_made(purpose, name) THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', name);
    END IF;
END $$;

-- Fails while it owns anything.
CREATE OR REPLACE PROCEDURE previews.drop_role(purpose text, name text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF previews.is_made(purpose, name) THEN
        EXECUTE format('DROP ROLE %I', name);
    END IF;
END $$;

REVOKE ALL ON SCHEMA previews FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA previews FROM PUBLIC, :"deployer";
REVOKE ALL ON ALL ROUTINES IN SCHEMA previews FROM PUBLIC, :"deployer";
GRANT USAGE ON SCHEMA previews TO :"deployer";
GRANT EXECUTE ON FUNCTION previews.version() TO :"deployer";
GRANT EXECUTE ON PROCEDURE previews.ensure_role(text, text, text, integer, integer) TO :"deployer";
GRANT EXECUTE ON PROCEDURE previews.close_role(text, text), previews.drop_role(text, text) TO :"deployer";

RESET ROLE;

-- PostgreSQL lets everybody connect to a database unless its owner says otherwise. Previews have no business in this one or in others.
DO $$
DECLARE
    base text;
    open text;
BEGIN
    FOR base IN
        SELECT datname FROM pg_database
        WHERE datname IN (current_database(), 'postgres', 'template1') AND pg_has_role(datdba, 'USAGE')
    LOOP
        IF base = current_database() THEN
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', base, current_setting('previews.deployer'));
        END IF;
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', base);
    END LOOP;
    SELECT string_agg(quote_ident(datname), ', ' ORDER BY datname) INTO open
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
    WHERE datallowconn AND grantee = 0 AND privilege_type = 'CONNECT';
    IF open IS NOT NULL THEN
        RAISE WARNING 'the roles of previews can connect to %', open
            USING HINT = 'Whoever owns these should REVOKE CONNECT ON DATABASE … FROM PUBLIC.';
    END IF;
END $$;

COMMIT;
