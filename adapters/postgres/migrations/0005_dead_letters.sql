-- What people decided about tidings that a party refused, and since when a tiding has been waiting in real time.

create table dead_letter_decision (
  id         bigint primary key generated always as identity,
  key        text not null,          -- of the tiding in the outbox
  decision   text not null check (decision in ('replay', 'discard')),
  by         text not null,
  reason     text not null,
  error      text,                   -- why it was refused, as it stood then; the outbox keeps the newest only
  decided_at timestamptz not null default now()
);
create index dead_letter_decision_by_key on dead_letter_decision (key);
create trigger append_only before update or delete or truncate on dead_letter_decision
  for each statement execute function refuse_change();

-- Set by one transaction for all that it puts in: what was decided together bears one instant. Null for older rows.
alter table outbox add column put_at timestamptz;
alter table outbox alter column put_at set default now();
