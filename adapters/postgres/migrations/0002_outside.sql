-- The outside world: how customers pay there, what its parties call our charges, what they have told us, and what
-- support is asked to do. Instants as in 0001.

alter table subscription add column tenant text not null default '';   -- whose brand; chooses the mails' templates

alter table customer
  add column phone   text not null default '',
  add column address jsonb;          -- {street, postal_code, city, country}: for a collections agency, or null

create table payment_method (        -- tokens of what gateways keep for us; never a card number
  subscription_id text not null,
  role            text not null check (role in ('primary', 'secondary')),
  gateway         text not null,
  payer           text not null,
  method          text not null,
  state           text not null default 'usable' check (state in ('usable', 'expired', 'removed', 'refused')),
  reason          text not null default '',  -- of a hard decline: the method is not asked for again
  updated_at      timestamptz not null default now(),
  primary key (subscription_id, role)
);
create index payment_method_by_token on payment_method (gateway, method);
create index payment_method_by_payer on payment_method (gateway, payer) where payer <> '';

create table gateway_reference (     -- the gateway's own name for a charge, kept before money can move under it
  charge_key      text not null,
  gateway         text not null,
  reference       text not null,
  subscription_id text not null,
  kept_at         timestamptz not null default now(),
  primary key (charge_key, gateway),
  unique (gateway, reference)
);

create table report (                -- what outside parties have told us, once each
  source          text not null,
  id              text not null,
  what            text not null,
  subscription_id text,
  signal          text not null,     -- the message that it became; empty where nothing was to be done
  note            text not null,
  refused         boolean not null default false,  -- its message was, as after an end: it had no effect
  state           text not null check (state in ('seen', 'taken_in')),
  times           integer not null default 1,
  received_at     timestamptz not null default now(),
  taken_in_at     timestamptz,
  primary key (source, id),
  check ((state = 'taken_in') = (taken_in_at is not null))
);
create index report_by_subscription on report (subscription_id, received_at);
create index report_waiting on report (received_at) where state = 'seen';

create table support_task (          -- what a person has to look at, beside what a subscription's own page says
  id              bigint primary key generated always as identity,
  key             text not null unique,
  subscription_id text,
  kind            text not null,
  text            text not null,
  asked_at        timestamptz not null default now(),
  done_by         text,
  done_reason     text,
  done_at         timestamptz,
  check (num_nulls(done_by, done_reason, done_at) in (0, 3))
);
create index support_task_open on support_task (id) where done_at is null;
create index support_task_by_subscription on support_task (subscription_id);

-- The outbox keeps the order in which decisions were written: events of a life and commands go out in one row.
alter table outbox add column seq bigint;
update outbox set seq = ordered.seq
  from (select key, row_number() over (order by key collate "C") as seq from outbox) ordered
 where ordered.key = outbox.key;                        -- the order in which things were told until now
alter table outbox alter column seq set not null, alter column seq add generated always as identity;
select setval(pg_get_serial_sequence('outbox', 'seq'), coalesce(max(seq), 0) + 1, false) from outbox;
alter table outbox add column not_before timestamptz;   -- a mail's, by the policy's quiet hours, in business time
drop index outbox_pending;
create index outbox_pending on outbox (subscription_id, seq) where state = 'pending';
create index outbox_failed on outbox (seq) where state = 'failed';
-- When a gateway last said that it knows of no such charge; only such a one may give way to another key.
alter table attempt add column absent_at timestamptz;

alter table outbox add constraint outbox_kept_apart check (not_before is null or party = 'mail');
