-- Bank statements: every booked transfer once, and what became of it. Instants as in 0001; no names and no accounts of
-- payers are kept here.

create table bank_entry (
  key             text primary key,      -- 'bank/<digest>': the same in whichever statement the bank reports it
  account         text not null,         -- ours
  kind            text not null check (kind in ('credit', 'return_of_credit', 'debit', 'return_of_debit', 'lump')),
  minor           bigint not null check (minor > 0),
  currency        text not null,
  booked_on       date not null,
  value_on        date not null,
  bank_reference  text not null,
  group_reference text not null,         -- of the sum that the bank booked it in with others
  end_to_end_id   text not null,
  payer           text not null,         -- a digest: finds the transfer that a return takes back
  fingerprint     text not null,         -- a digest of what is said of it: tells a report in two formats
  keyed_by        text not null check (keyed_by in ('reference', 'content')),
  file            text not null,
  format          text not null,
  outcome         text not null check (outcome in ('applied', 'proposed', 'unapplied', 'returned', 'ignored')),
  why             text not null,
  client_number   text,                  -- whom unapplied money may belong to
  returns         text references bank_entry (key),
  seen_at         timestamptz not null default now(),
  done_at         timestamptz,           -- null while what was decided may not have had its whole effect
  check (returns is null or kind = 'return_of_credit')
);
create index bank_entry_by_day on bank_entry (account, booked_on);
create index bank_entry_by_amount on bank_entry (account, minor) where kind = 'credit';
create index bank_entry_by_reference on bank_entry (account, bank_reference) where bank_reference <> '';
create index bank_entry_by_group on bank_entry (account, group_reference) where group_reference <> '';
create index bank_entry_undone on bank_entry (seen_at) where done_at is null;
create unique index bank_entry_returned_once on bank_entry (returns);

create table bank_entry_part (           -- whom a transfer was decided to pay, before anybody is told
  entry_key       text not null references bank_entry (key),
  part            integer not null check (part > 0),
  reference       text not null unique,  -- of the payment
  subscription_id text not null,
  invoice         text,
  minor           bigint not null check (minor > 0),
  primary key (entry_key, part)
);

-- What a payer writes is looked for as it can be written: without signs, in any case. Expressions over columns that
-- never change: they cost no statement of their own, and none when an invoice is paid.
create function squeezed(said text) returns text language sql immutable strict parallel safe
  return regexp_replace(lower(said), '[^a-z0-9]', '', 'g');

create index invoice_by_squeezed on invoice (squeezed(number));
create index invoice_by_creditor_reference on invoice (substring(sha256(decode(number, 'escape')) for 10));
create index subscription_by_squeezed_client on subscription (squeezed(client_number));
create index customer_by_name_key on customer (name_key);
