-- The books: what happened to money, to whom it was told, and what every subscription looks like now.
-- Amounts are whole minor units of the row's (or the subscription's) currency; instants are business time in UTC unless
-- the column is called recorded_at, updated_at, started_at, completed_at, resolved_at, delivered_at or registered_at.

-- Who and where -----------------------------------------------------------------------------------------------------

create table customer (            -- the only table with personal data, beside the names on unapplied money
  id            text primary key,
  client_number text not null,
  name          text not null,
  name_key      text not null,     -- case-folded, spaces collapsed: for comparing with the names on bank transfers
  email         text not null,
  locale        text not null,
  updated_at    timestamptz not null default now()
);

create table subscription (        -- the projection; all but the first three columns is null before the first batch
  id             text primary key,
  customer_id    text not null,
  client_number  text not null,
  policy         text,
  policy_version integer,
  plan           text,
  currency       text,
  timezone       text,
  standing       text check (standing in ('active', 'past_due', 'locked', 'account_locked', 'awaiting_review',
                                          'cancelled', 'in_collections', 'ended')),
  balance_minor  bigint check (balance_minor >= 0),
  open_minor     bigint check (open_minor >= 0),
  credit_minor   bigint check (credit_minor >= 0),
  placed_minor   bigint check (placed_minor >= 0),
  next_at        timestamptz,
  next_what      text,
  attention      text[],
  ended          boolean,
  registered_at  timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  check (num_nulls(policy, policy_version, plan, currency, timezone, standing, balance_minor, open_minor, credit_minor,
                   placed_minor, next_what, attention, ended) in (0, 13))
);
create index subscription_by_customer on subscription (customer_id);
create index subscription_by_client_number on subscription (client_number);
create index subscription_by_standing on subscription (standing, id);
create index subscription_with_attention on subscription (id) where cardinality(attention) > 0;

create table batch (               -- one row for each decision that was written; a known key is never written again
  key             text primary key,
  subscription_id text not null,
  digest          text not null,   -- SHA-256 of the content: a known key with another content is an error
  recorded_at     timestamptz not null default now()
);

-- Money -------------------------------------------------------------------------------------------------------------

create table ledger_entry (
  key             text primary key,
  subscription_id text references subscription (id),  -- null for money that belongs to no subscription yet
  at              timestamptz not null,
  what            text not null,
  by              text not null,
  because         text not null,
  seq             bigint not null generated always as identity unique,
  recorded_at     timestamptz not null default now()
);
create index ledger_entry_by_subscription on ledger_entry (subscription_id, seq);

create table posting (             -- debit positive, credit negative
  entry_key text not null references ledger_entry (key),
  line      integer not null check (line > 0),
  account   text not null,
  minor     bigint not null check (minor <> 0),
  currency  text not null check (currency ~ '^[A-Z]{3}$'),
  payment   text,
  primary key (entry_key, line)
);
create index posting_by_payment on posting (payment) where payment is not null;

create function entry_must_balance() returns trigger language plpgsql as $$
declare
  of_entry   text;
  lines      bigint;
  currencies bigint;
  total      numeric;
begin
  if tg_table_name = 'posting' then of_entry := new.entry_key; else of_entry := new.key; end if;
  select count(*), count(distinct currency), coalesce(sum(minor), 0) into lines, currencies, total
    from posting where entry_key = of_entry;
  if lines < 2 or currencies <> 1 or total <> 0 then
    raise exception 'ledger entry % does not balance: % postings in % currencies sum to %, expected 2+ in 1 and 0',
      of_entry, lines, currencies, total using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger entry_balances after insert on ledger_entry
  deferrable initially deferred for each row execute function entry_must_balance();
create constraint trigger posting_balances after insert on posting
  deferrable initially deferred for each row execute function entry_must_balance();

create table invoice (
  number          text primary key,
  subscription_id text not null references subscription (id),
  ordinal         integer not null check (ordinal > 0),
  status          text not null check (status in ('open', 'paid', 'voided', 'written_off')),
  amount_minor    bigint not null check (amount_minor >= 0),
  open_minor      bigint not null check (open_minor between 0 and amount_minor),
  due_at          timestamptz not null,
  missed          boolean not null,
  body            jsonb not null,  -- the whole domain.subscription.Invoice
  updated_at      timestamptz not null default now(),
  check ((status = 'open') = (open_minor > 0))
);
create index invoice_by_subscription on invoice (subscription_id, ordinal);

create table payment (
  subscription_id text not null references subscription (id),
  reference       text not null,
  minor           bigint not null check (minor > 0),
  channel         text not null check (channel in ('card', 'paypal', 'bank_transfer', 'agency')),
  at              timestamptz not null,
  recorded_at     timestamptz not null default now(),
  primary key (subscription_id, reference)
);

create view allocation as          -- how much of which payment an invoice holds now, net of what has been undone
  select entry.subscription_id,
         posting.payment as reference,
         substr(posting.account, length('receivable:') + 1) as invoice,
         -sum(posting.minor) as minor,
         max(entry.seq) filter (where posting.minor < 0) as last_seq
    from posting join ledger_entry entry on entry.key = posting.entry_key
   where posting.payment is not null and posting.account like 'receivable:%'
   group by entry.subscription_id, posting.payment, posting.account
  having sum(posting.minor) <> 0;

create table attempt (             -- one row for each charge asked of a gateway, begun before it is asked
  charge_key      text primary key,
  subscription_id text not null,
  invoice         text not null,
  role            text not null check (role in ('primary', 'secondary')),
  method          text not null,
  minor           bigint not null check (minor > 0),
  currency        text not null,
  state           text not null check (state in ('started', 'approved', 'declined', 'unknown')),
  reason          text,
  started_at      timestamptz not null default now(),
  completed_at    timestamptz,
  check ((state = 'started') = (completed_at is null))
);
create index attempt_by_subscription on attempt (subscription_id, started_at);
-- An outcome that nobody knows blocks every further charge of its invoice (spec, section 3).
create unique index attempt_unresolved on attempt (invoice) where state in ('started', 'unknown');

create table placement (           -- what was handed to the agency (positive) and taken back from it (negative)
  key             text not null,
  invoice         text not null,
  subscription_id text not null references subscription (id),
  minor           bigint not null check (minor <> 0),
  at              timestamptz not null,
  because         text not null,
  primary key (key, invoice)
);
create index placement_by_subscription on placement (subscription_id);

create table unapplied (           -- money that belongs to no open subscription yet; support assigns or returns it
  id              bigint primary key generated always as identity,
  source          text not null,   -- who reported it: 'subscription/<id>' after an end, or the name of a bank import
  reference       text not null,   -- unique for its source
  subscription_id text,
  client_number   text,
  name            text,
  name_key        text,
  minor           bigint not null check (minor > 0),
  currency        text not null,
  channel         text not null,
  at              timestamptz not null,
  state           text not null default 'open' check (state in ('open', 'applied', 'returned')),
  resolved_by     text,
  resolved_reason text,
  resolved_at     timestamptz,
  unique (source, reference),
  check ((state = 'open') = (resolved_at is null)),
  check (num_nulls(resolved_by, resolved_reason, resolved_at) in (0, 3))
);
create index unapplied_open on unapplied (id) where state = 'open';

-- What was said and what was used -----------------------------------------------------------------------------------

create table message (             -- digests of the messages taken in, so that a repetition is known for ever
  subscription_id text not null,
  digest          text not null,
  signal          text not null,
  at              timestamptz not null,
  primary key (subscription_id, digest)
);

create table usage (
  subscription_id text not null,
  on_date         date not null,   -- the customer's local date
  kind            text not null,
  primary key (subscription_id, on_date, kind)
);

create table timeline (            -- the audit trail: what happened, when it was due, who caused it and why
  subscription_id text not null references subscription (id),
  number          integer not null check (number > 0),
  at              timestamptz not null,
  what            text not null,
  fields          json not null,   -- json, not jsonb: it is read back in the order in which it was written
  by              text not null,
  because         text not null,
  recorded_at     timestamptz not null default now(),
  primary key (subscription_id, number)
);

create table outbox (              -- what is to be told, by party; sent after the commit that decided it
  key             text primary key,
  subscription_id text not null references subscription (id),
  party           text not null check (party in ('platform', 'agency', 'siblings', 'mail')),
  kind            text not null,
  body            jsonb not null,  -- one of domain.effects.Tiding
  at              timestamptz not null,
  because         text not null,
  state           text not null check (state in ('pending', 'delivered', 'withdrawn', 'failed')),
  delivered_at    timestamptz,
  attempts        integer not null default 0,
  last_error      text,
  sending_until   timestamptz,     -- while one sender is at it, no other one is; a killed sender's claim lapses then
  check ((state = 'delivered') = (delivered_at is not null))
);
create index outbox_pending on outbox (subscription_id, key) where state = 'pending';

-- Append-only: corrections are new entries --------------------------------------------------------------------------

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused; write a correcting entry instead', tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation';
end $$;
create trigger append_only before update or delete or truncate on ledger_entry
  for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on posting
  for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on payment
  for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on timeline
  for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on message
  for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on batch
  for each statement execute function refuse_change();
