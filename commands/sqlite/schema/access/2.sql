-- Whose a token is, by a pseudonym; empty where the name stands for the person.
ALTER TABLE tokens ADD COLUMN person TEXT NOT NULL DEFAULT '';
