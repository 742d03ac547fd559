-- The outside parties' own books, kept apart from ours, so that they survive a crash of the worker as real ones do.

create table simulated_gateway_rule (  -- what charges answer; the latest that fits wins, none means approved
  id              bigint primary key generated always as identity,
  subscription_id text not null,
  role            text not null check (role in ('primary', 'secondary')),
  first_on        date not null,       -- of the charge's own business time, in the customer's zone
  until           date,                -- exclusive; null for ever
  outcome         text not null check (outcome in ('approved', 'declined', 'unknown_then_approved',
                                                   'unknown_then_declined')),
  reason          text
);
create index simulated_gateway_rule_by_subscription on simulated_gateway_rule (subscription_id, id);

create table simulated_gateway_fault ( -- what breaks on the way, whatever the answer is; the latest that fits wins
  id              bigint primary key generated always as identity,
  subscription_id text not null,
  first_on        date not null,
  until           date,                -- exclusive; null for ever
  fault           text not null check (fault in ('timeout_before_commit', 'timeout_after_commit', 'slow',
                                                 'unavailable')),
  times           integer not null check (times > 0),  -- how many asks of one charge meet it
  seconds         double precision not null check (seconds between 0 and 600)
);
create index simulated_gateway_fault_by_subscription on simulated_gateway_fault (subscription_id, id);

create table simulated_charge (        -- the gateway's book: one answer for each key, for ever
  charge_key      text primary key,
  subscription_id text not null,
  minor           bigint not null,
  currency        text not null,
  outcome         text not null check (outcome in ('approved', 'declined')),
  reason          text,
  at              timestamptz not null
);

create table simulated_ask (           -- how often each charge was asked for, answered or not
  charge_key text primary key,
  asked      integer not null
);

create table simulated_mail (
  key             text primary key,
  seq             bigint not null generated always as identity,
  subscription_id text not null,
  template        text not null,
  email           text not null,
  name            text not null,
  locale          text not null,
  about           jsonb not null,
  at              timestamptz not null,
  sent            integer not null default 1
);

create table simulated_command (
  key             text primary key,
  seq             bigint not null generated always as identity,
  subscription_id text not null,
  command         text not null,
  at              timestamptz not null,
  because         text not null,
  sent            integer not null default 1
);

create table simulated_case (          -- what the agency was told, by invoice: positive placed, negative recalled
  key             text not null,
  invoice         text not null,
  seq             bigint not null generated always as identity,
  subscription_id text not null,
  minor           bigint not null,
  currency        text not null,
  debtor          text not null,
  due_at          timestamptz,
  history         jsonb not null,
  at              timestamptz not null,
  sent            integer not null default 1,
  primary key (key, invoice)
);

create table simulated_refusal (       -- how many more times a party turns everything away
  party           text not null check (party in ('mail', 'platform', 'agency')),
  subscription_id text not null,
  left_over       integer not null check (left_over >= 0),
  primary key (party, subscription_id)
);
