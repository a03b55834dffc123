-- Tenants in one database, kept apart by row level security. A tenant is named by the setting `app.tenant` of a transaction; what
-- forgets to name one sees nothing, and no query of the application needs a WHERE for it.
--   BEGIN; SELECT tenancy.enter('TENANT'); ...; COMMIT;
BEGIN;

-- The application's role. It owns nothing: owners and superusers are not bound by policies.
CREATE ROLE tenant_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;

CREATE SCHEMA tenancy;
GRANT USAGE ON SCHEMA tenancy TO tenant_app;

CREATE TABLE tenancy.tenant (
    id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200)
);

-- The tenant of this transaction. NULL when none was named: NULL equals nothing, so that nothing is seen.
CREATE FUNCTION tenancy.current() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE SET search_path = '' AS $$
    SELECT nullif(pg_catalog.current_setting('app.tenant', true), '')::uuid
$$;
-- For this transaction alone (`true`): a pooled connection carries no tenant to its next user.
CREATE FUNCTION tenancy.enter(tenant uuid) RETURNS void LANGUAGE sql SET search_path = '' AS $$
    SELECT pg_catalog.set_config('app.tenant', tenant::text, true)
$$;

-- Makes a table a tenant's: policies for reading and writing, also for its owner. Every new table of tenants needs one call.
CREATE FUNCTION tenancy.protect(target regclass) RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    -- The subquery is evaluated once for a statement, not once a row.
    EXECUTE pg_catalog.format('CREATE POLICY tenant_alone ON %s USING (tenant_id = (SELECT tenancy.current()))
        WITH CHECK (tenant_id = (SELECT tenancy.current()))', target);
END $$;
REVOKE ALL ON FUNCTION tenancy.protect(regclass) FROM PUBLIC;

ALTER TABLE tenancy.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy.tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_alone ON tenancy.tenant USING (id = (SELECT tenancy.current())) WITH CHECK (id = (SELECT tenancy.current()));
GRANT SELECT ON tenancy.tenant TO tenant_app;

-- An example of two tables; replace them by yours and keep their form. The tenant stands first in every key: a foreign key that
-- names it cannot point at another tenant's row (checks of foreign keys are not bound by policies), and a unique name is unique
-- within a tenant, so that a collision tells nobody what another tenant has.
CREATE TABLE tenancy.project (
    tenant_id uuid NOT NULL DEFAULT tenancy.current() REFERENCES tenancy.tenant,
    id        uuid NOT NULL DEFAULT gen_random_uuid(),
    name      text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CREATE TABLE tenancy.document (
    tenant_id  uuid NOT NULL DEFAULT tenancy.current() REFERENCES tenancy.tenant,
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    body       text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES tenancy.project ON DELETE CASCADE
);
CREATE INDEX document_by_project ON tenancy.document (tenant_id, project_id);
SELECT tenancy.protect('tenancy.project');
SELECT tenancy.protect('tenancy.document');
GRANT SELECT, INSERT, UPDATE, DELETE ON tenancy.project, tenancy.document TO tenant_app;

-- A view reads as its owner unless it says otherwise (PostgreSQL 15 and later).
CREATE VIEW tenancy.project_size WITH (security_invoker = true) AS
SELECT p.tenant_id, p.id, p.name, count(d.id) AS documents
  FROM tenancy.project AS p LEFT JOIN tenancy.document AS d ON d.tenant_id = p.tenant_id AND d.project_id = p.id
 GROUP BY p.tenant_id, p.id, p.name;
GRANT SELECT ON tenancy.project_size TO tenant_app;

-- Rows here are holes. A test asks it, and so should your CI after every migration.
CREATE VIEW tenancy.hole AS
SELECT c.oid::regclass::text AS relation, 'row level security is not forced' AS why
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
UNION ALL
SELECT c.oid::regclass::text, 'no policy, or one that reads less than the tenant'
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND (
       NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid)
    OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polpermissive
         AND (pg_get_expr(p.polqual, p.polrelid) NOT LIKE '%tenancy.current()%'
           OR coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid)) NOT LIKE '%tenancy.current()%')))
UNION ALL
SELECT c.oid::regclass::text, 'the tenant may be missing'
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND NOT a.attnotnull
UNION ALL
SELECT c.oid::regclass::text, 'a view that reads as its owner'
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
 WHERE c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']
UNION ALL
SELECT f.conrelid::regclass::text, 'the foreign key ' || f.conname || ' does not name the tenant'
  FROM pg_constraint AS f
  JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attname = 'tenant_id' AND NOT a.attisdropped
 WHERE f.contype = 'f' AND NOT a.attnum = ANY (f.confkey)
UNION ALL
SELECT c.oid::regclass::text, 'the application owns it'
  FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE r.rolname = 'tenant_app'
UNION ALL
SELECT rolname, 'is not bound by policies' FROM pg_roles WHERE rolname = 'tenant_app' AND (rolsuper OR rolbypassrls);

COMMIT;
