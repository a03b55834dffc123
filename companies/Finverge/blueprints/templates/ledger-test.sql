-- What the ledger refuses and what it keeps. Each `refused` names the error that must come; anything else ends the test.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.refused(statement text, state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
        SET CONSTRAINTS ALL IMMEDIATE;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE <> state THEN
            RAISE EXCEPTION 'refused for another reason: % % (wanted %): %', SQLSTATE, SQLERRM, state, statement;
        END IF;
        RETURN;
    END;
    RAISE EXCEPTION 'not refused: %', statement;
END $$;
CREATE FUNCTION pg_temp.same(what text, got anyelement, wanted anyelement) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF got IS DISTINCT FROM wanted THEN RAISE EXCEPTION '%: % and not %', what, got, wanted; END IF;
END $$;

SET ROLE ledger_app;
INSERT INTO ledger.account (code, kind, currency) VALUES ('cash', 'asset', 'NOK'), ('sales', 'income', 'NOK'), ('cash_eur', 'asset', 'EUR'), ('trade_eur', 'equity', 'EUR'), ('trade_nok', 'equity', 'NOK');
-- A wallet is what we owe its owner: never more than nothing on the debit side.
INSERT INTO ledger.account (code, kind, currency, ceiling_minor) VALUES ('wallet', 'liability', 'NOK', 0);

SELECT ledger.book('sale-0001', 'A lunch', '[{"account": "cash", "amount_minor": 12550}, {"account": "sales", "amount_minor": -12550}]') AS sale \gset
SELECT pg_temp.same('cash', (SELECT balance_minor FROM ledger.balance JOIN ledger.account ON id = account_id WHERE code = 'cash'), 12550::bigint);

-- Sent twice, booked once; the same name for something else is refused.
SELECT pg_temp.same('again', ledger.book('sale-0001', 'A lunch', '[{"account": "cash", "amount_minor": 12550}, {"account": "sales", "amount_minor": -12550}]'), :sale::bigint);
SELECT pg_temp.same('entries', (SELECT count(*) FROM ledger.entry), 1::bigint);
SELECT pg_temp.refused($$SELECT ledger.book('sale-0001', 'A lunch', '[{"account": "cash", "amount_minor": 1}, {"account": "sales", "amount_minor": -1}]')$$, '23505');

-- Unbalanced, one-sided, empty, without an amount, with half an öre, across currencies.
SELECT pg_temp.refused($$SELECT ledger.book('wrong-001', 'x', '[{"account": "cash", "amount_minor": 100}, {"account": "sales", "amount_minor": -99}]')$$, '23514');
SELECT pg_temp.refused($$SELECT ledger.book('wrong-002', 'x', '[{"account": "cash", "amount_minor": 100}]')$$, '23514');
SELECT pg_temp.refused($$SELECT ledger.book('wrong-003', 'x', '[]')$$, '23514');
SELECT pg_temp.refused($$SELECT ledger.book('wrong-004', 'x', '[{"account": "cash", "amount_minor": 0}, {"account": "sales", "amount_minor": 0}]')$$, '23514');
SELECT pg_temp.refused($$SELECT ledger.book('wrong-005', 'x', '[{"account": "cash", "amount_minor": 0.5}, {"account": "sales", "amount_minor": -0.5}]')$$, '22P02');
SELECT pg_temp.refused($$SELECT ledger.book('wrong-006', 'x', '[{"account": "cash", "amount_minor": 100}, {"account": "trade_eur", "amount_minor": -100}]')$$, '23514');
SELECT pg_temp.refused($$SELECT ledger.book('wrong-007', 'x', '[{"account": "nobody", "amount_minor": 1}, {"account": "sales", "amount_minor": -1}]')$$, '23503');
SELECT pg_temp.refused($$INSERT INTO ledger.posting SELECT :'sale', 9, id, 'EUR', 1 FROM ledger.account WHERE code = 'cash'$$, '42601');

-- An exchange balances in each currency by itself.
SELECT ledger.book('trade-001', 'EUR bought', '[{"account": "cash_eur", "amount_minor": 1000}, {"account": "trade_eur", "amount_minor": -1000}, {"account": "trade_nok", "amount_minor": 11700}, {"account": "cash", "amount_minor": -11700}]') AS trade \gset

-- What is booked is final, also for a transaction that adds balanced lines later.
SELECT pg_temp.refused($$UPDATE ledger.posting SET amount_minor = 1$$, '42501');
SELECT pg_temp.refused($$DELETE FROM ledger.entry$$, '42501');
SELECT pg_temp.refused($$UPDATE ledger.balance SET balance_minor = 0$$, '42501');
SELECT pg_temp.refused($$TRUNCATE ledger.posting$$, '42501');
SELECT pg_temp.refused($$ALTER TABLE ledger.entry DISABLE TRIGGER ALL$$, '42501');
SELECT pg_temp.refused(format($$INSERT INTO ledger.posting SELECT %s, 8, id, 'NOK', 5 FROM ledger.account WHERE code = 'cash'$$, :sale), '23000');
RESET ROLE;
SELECT pg_temp.refused($$UPDATE ledger.posting SET amount_minor = 1$$, '23000');
SELECT pg_temp.refused($$DELETE FROM ledger.posting$$, '23000');
SELECT pg_temp.refused($$DELETE FROM ledger.entry$$, '23000');
SELECT pg_temp.refused($$TRUNCATE ledger.posting, ledger.entry$$, '23000');
SELECT pg_temp.refused($$UPDATE ledger.account SET currency = 'EUR' WHERE code = 'cash'$$, '23000');
SET ROLE ledger_app;

-- A reversal gives all of it back, once.
SELECT ledger.reverse('undo-0001', 'The lunch was cold', :sale) AS undo \gset
SELECT pg_temp.same('sales', (SELECT balance_minor FROM ledger.balance JOIN ledger.account ON id = account_id WHERE code = 'sales'), 0::bigint);
SELECT pg_temp.refused(format($$SELECT ledger.reverse('undo-0002', 'again', %s)$$, :sale), '23505');

-- A wallet holds what was paid in and no more; a sum that leaves 64 bits is an error.
SELECT ledger.book('topup-001', 'Paid in', '[{"account": "cash", "amount_minor": 500}, {"account": "wallet", "amount_minor": -500}]') AS topup \gset
SELECT pg_temp.refused($$SELECT ledger.book('spend-001', 'Too much', '[{"account": "wallet", "amount_minor": 501}, {"account": "sales", "amount_minor": -501}]')$$, '23514');
SELECT ledger.book('spend-002', 'All of it', '[{"account": "wallet", "amount_minor": 500}, {"account": "sales", "amount_minor": -500}]') AS spend \gset
SELECT pg_temp.refused($$SELECT ledger.book('huge-0001', 'x', '[{"account": "cash", "amount_minor": 9223372036854775807}, {"account": "cash", "amount_minor": 9223372036854775807}]')$$, '22003');

SELECT pg_temp.same('faults', (SELECT count(*) FROM ledger.fault), 0::bigint);
SELECT pg_temp.same('entries', (SELECT count(*) FROM ledger.entry), 5::bigint);
