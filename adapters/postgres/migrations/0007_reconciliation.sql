-- Reconciliation: when it ran, what it compared, what differs, and what it put right. Instants are real time.

create table reconciliation (            -- one row for each run
  id              text primary key,
  seq             bigint not null generated always as identity unique,
  asked_by        text not null,         -- schedule, or who had it done by hand
  subscription_id text,                  -- null: everything
  started_at      timestamptz not null default now(),
  finished_at     timestamptz            -- null: under way, or cut off
);

create table reconciliation_pair (       -- what came of each comparison of a run
  run_id      text not null references reconciliation (id),
  pair        text not null,
  compared    integer not null check (compared >= 0),
  differences integer not null check (differences >= 0),
  repaired    text[] not null,
  away        text[] not null,           -- who could not be asked, and why
  notes       text[] not null,
  at          timestamptz not null default now(),
  primary key (run_id, pair)
);

create table difference (                -- each as long as it lasts, and again when it comes back
  key             text primary key,
  pair            text not null,
  kind            text not null,
  subject         text not null,
  subscription_id text,
  text            text not null,         -- as it was told last
  times           integer not null default 1 check (times > 0),  -- how often it has come
  task_key        text not null,         -- of support's task about its present coming
  first_seen_at   timestamptz not null default now(),
  last_seen_at    timestamptz not null default now(),
  gone_at         timestamptz
);
create index difference_standing on difference (pair, key) where gone_at is null;
create index difference_by_subscription on difference (subscription_id) where gone_at is null;

create table reconciliation_place (      -- where the next run goes on, for each list that is read in pages
  list  text primary key,
  place text not null,
  at    timestamptz not null default now()
);

create index attempt_unfinished on attempt (started_at) where state in ('started', 'unknown');
create index attempt_approved on attempt (completed_at) where state = 'approved';
create index gateway_reference_by_time on gateway_reference (gateway, kept_at);
