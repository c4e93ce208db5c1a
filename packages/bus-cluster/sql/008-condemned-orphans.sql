-- Objects of the store that `gc` found without a row of the journal. They may be removed at any
-- time, also by a `gc` that was frozen for long. Never name them: see bus.removal.condemned. These
-- objects have no seq, so each one is listed, and stays listed.
CREATE TABLE bus.condemned (object text PRIMARY KEY);
