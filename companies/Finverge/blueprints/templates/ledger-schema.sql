-- A double-entry ledger. What must always hold is held by the database, whoever writes:
--   every entry sums to zero in each currency, when its transaction commits
--   money is a whole number of the currency's smallest unit (bigint); nothing is rounded here
--   an entry is final: it is reversed by another one, never changed and never deleted
--   the same request, sent twice, is one entry
-- A debit is positive, a credit negative.
BEGIN;

CREATE SCHEMA ledger;

CREATE TABLE ledger.currency (
    code     text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    -- ISO 4217: digits behind the point; 0 for JPY, 2 for EUR, 3 for KWD.
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 4)
);

CREATE TABLE ledger.account (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code      text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9]+([:_-][a-z0-9]+)*$'),
    kind      text NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'income', 'expense')),
    currency  text NOT NULL REFERENCES ledger.currency,
    -- The least that its balance may be (a debit is positive); NULL for no floor. A customer's wallet is a liability: see `ceiling`.
    floor_minor   bigint,
    ceiling_minor bigint,
    opened_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, currency),
    CHECK (floor_minor <= ceiling_minor)
);

CREATE TABLE ledger.entry (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What the caller names the request; a second one of the same name is refused by the constraint.
    request     text NOT NULL UNIQUE CHECK (length(request) BETWEEN 8 AND 100),
    -- What was asked for, so that a name used for something else is found out.
    fingerprint text NOT NULL,
    description text NOT NULL CHECK (length(description) BETWEEN 1 AND 500),
    reverses    bigint UNIQUE REFERENCES ledger.entry,
    booked_at   timestamptz NOT NULL DEFAULT now(),
    -- Postings are taken from this transaction alone.
    made_by     xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CHECK (reverses <> id)
);

CREATE TABLE ledger.posting (
    entry_id     bigint NOT NULL REFERENCES ledger.entry,
    line         smallint NOT NULL CHECK (line >= 1),
    account_id   bigint NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (entry_id, line),
    -- A posting has the currency of its account.
    FOREIGN KEY (account_id, currency) REFERENCES ledger.account (id, currency)
);
CREATE INDEX posting_by_account ON ledger.posting (account_id, entry_id);

-- One row an account, changed with each posting: it is what two payments at once wait for.
CREATE TABLE ledger.balance (
    account_id    bigint PRIMARY KEY REFERENCES ledger.account,
    balance_minor bigint NOT NULL
);

CREATE FUNCTION ledger.new_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO ledger.balance VALUES (NEW.id, 0);
    RETURN NULL;
END $$;
CREATE TRIGGER new_account AFTER INSERT ON ledger.account FOR EACH ROW EXECUTE FUNCTION ledger.new_account();

-- Stamps the transaction whatever the caller says.
CREATE FUNCTION ledger.stamp() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    NEW.made_by := pg_catalog.pg_current_xact_id();
    NEW.booked_at := pg_catalog.now();
    RETURN NEW;
END $$;
CREATE TRIGGER stamp BEFORE INSERT ON ledger.entry FOR EACH ROW EXECUTE FUNCTION ledger.stamp();

CREATE FUNCTION ledger.take_posting() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    reached bigint;
    account ledger.account;
BEGIN
    IF (SELECT made_by FROM ledger.entry WHERE id = NEW.entry_id) IS DISTINCT FROM pg_catalog.pg_current_xact_id() THEN
        RAISE EXCEPTION 'entry % is closed', NEW.entry_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Locks the account's balance until the transaction ends. bigint overflow is an error, not a wrap.
    UPDATE ledger.balance SET balance_minor = balance_minor + NEW.amount_minor
     WHERE account_id = NEW.account_id RETURNING balance_minor INTO reached;
    SELECT * INTO account FROM ledger.account WHERE id = NEW.account_id;
    IF reached < account.floor_minor OR reached > account.ceiling_minor THEN
        RAISE EXCEPTION 'account % cannot reach %', account.code, reached
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_bounds';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER take_posting AFTER INSERT ON ledger.posting FOR EACH ROW EXECUTE FUNCTION ledger.take_posting();

-- At commit, so that the lines of an entry can be written one after the other.
CREATE FUNCTION ledger.balanced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF (SELECT count(*) FROM ledger.posting WHERE entry_id = NEW.id) < 2 THEN
        RAISE EXCEPTION 'entry % has fewer than two postings', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_postings';
    END IF;
    IF EXISTS (SELECT FROM ledger.posting WHERE entry_id = NEW.id GROUP BY currency HAVING sum(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'entry % does not balance', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balanced';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger.entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.balanced();
-- Somebody may have made the trigger above immediate for a while: what comes after it is looked at as well.
CREATE FUNCTION ledger.still_balanced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger.posting WHERE entry_id = NEW.entry_id GROUP BY currency HAVING sum(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'entry % does not balance', NEW.entry_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balanced';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER still_balanced AFTER INSERT ON ledger.posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.still_balanced();

CREATE FUNCTION ledger.final() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION '%.% is final; book a reversal', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER final BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry FOR EACH STATEMENT EXECUTE FUNCTION ledger.final();
CREATE TRIGGER final BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.posting FOR EACH STATEMENT EXECUTE FUNCTION ledger.final();
-- Another currency or other bounds would rewrite what the past meant.
CREATE TRIGGER final BEFORE UPDATE OF id, code, kind, currency OR DELETE OR TRUNCATE ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.final();

-- Books an entry: lines is [{"account": "cash", "amount_minor": 100}, ...]. The same request again answers the same entry; the
-- same name for another request is refused. Accounts are locked in one order, so that two entries never wait for each other.
CREATE FUNCTION ledger.book(request text, description text, lines jsonb, reverses bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    asked text := pg_catalog.md5(pg_catalog.jsonb_build_array(book.description, lines, reverses)::text);
    earlier ledger.entry;
    made bigint;
    unknown text;
BEGIN
    INSERT INTO ledger.entry (request, fingerprint, description, reverses)
    VALUES (book.request, asked, book.description, book.reverses)
    ON CONFLICT ON CONSTRAINT entry_request_key DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN
        SELECT * INTO STRICT earlier FROM ledger.entry AS e WHERE e.request = book.request;
        IF earlier.fingerprint <> asked THEN
            RAISE EXCEPTION 'the request % was another one', book.request USING ERRCODE = 'unique_violation';
        END IF;
        RETURN earlier.id;
    END IF;
    SELECT line ->> 'account' INTO unknown FROM pg_catalog.jsonb_array_elements(lines) AS line
     WHERE NOT EXISTS (SELECT FROM ledger.account AS a WHERE a.code = line ->> 'account') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no account is called %', unknown USING ERRCODE = 'foreign_key_violation';
    END IF;
    INSERT INTO ledger.posting (entry_id, line, account_id, currency, amount_minor)
    SELECT made, pg_catalog.row_number() OVER (ORDER BY a.id, l.nth), a.id, a.currency, (l.line ->> 'amount_minor')::bigint
      FROM pg_catalog.jsonb_array_elements(lines) WITH ORDINALITY AS l (line, nth)
      JOIN ledger.account AS a ON a.code = l.line ->> 'account'
     ORDER BY a.id, l.nth;
    RETURN made;
END $$;

CREATE FUNCTION ledger.reverse(request text, description text, entry bigint) RETURNS bigint
LANGUAGE sql SET search_path = '' AS $$
    SELECT ledger.book(request, description,
        (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('account', a.code, 'amount_minor', -p.amount_minor) ORDER BY p.line)
           FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id WHERE p.entry_id = entry), entry)
$$;

-- Rows here are faults: a currency that does not sum to zero, or a balance that its postings do not give. Ask it daily.
CREATE VIEW ledger.fault AS
SELECT 'currency ' || currency AS what, sum(amount_minor) AS by_minor FROM ledger.posting GROUP BY currency HAVING sum(amount_minor) <> 0
UNION ALL
SELECT 'account ' || a.code, b.balance_minor - coalesce(sum(p.amount_minor), 0)
  FROM ledger.account AS a JOIN ledger.balance AS b ON b.account_id = a.id LEFT JOIN ledger.posting AS p ON p.account_id = a.id
 GROUP BY a.code, b.balance_minor HAVING b.balance_minor <> coalesce(sum(p.amount_minor), 0);

-- The service's role: it books and reads. It owns nothing, so that it can switch no trigger off.
CREATE ROLE ledger_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
GRANT USAGE ON SCHEMA ledger TO ledger_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ledger_app;
GRANT INSERT ON ledger.account, ledger.entry, ledger.posting TO ledger_app;

INSERT INTO ledger.currency VALUES ('NOK', 2), ('SEK', 2), ('DKK', 2), ('ISK', 0), ('EUR', 2), ('USD', 2), ('BAM', 2);

COMMIT;
