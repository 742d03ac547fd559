-- What lists of a large book are read by. Every index is a write at every renewal, so there are two and no more. How fast
-- they are read beside bare SQL: bench/reading.py.

-- The list by next deadline, and the nightly look for deadlines that passed unheeded (0007). A batch changes next_at, so
-- with this index hardly an update of the projection stays heap-only (two in three were): each puts an entry into every
-- index of the table. Measured on a million rows, right after a checkpoint, when whole pages go to the log: a renewal
-- logged a quarter more (13 to 16 KB on 55 to 62), and took no longer. A table of deadlines beside it, kept by a trigger,
-- logged at least as much. Without the index every such list reads the million.
create index subscription_by_deadline on subscription (next_at, id) where next_at is not null;

-- The ageing report. `missed` is true of what is past due, and becomes false when that is settled. A healthy invoice is
-- false all its life: it never enters, and its updates stay heap-only. `where status = 'open'` would have ended that for
-- every one (measured: none of 1,400 stayed so, and 4 to 8 KB more in the log of each renewal).
create index invoice_missed on invoice (subscription_id) where missed;
