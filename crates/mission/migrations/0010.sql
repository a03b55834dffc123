-- Each event carries a hash of itself and of the one before it: what happened cannot be changed, taken out or put in between without
-- every later link being another one. The store fills in the links of what was there before.
ALTER TABLE event ADD COLUMN link TEXT;
DROP TRIGGER event_no_update;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event WHEN OLD.link IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_linked BEFORE INSERT ON event WHEN NEW.link IS NULL
    BEGIN SELECT RAISE(ABORT, 'an event is linked to the one before it'); END;
