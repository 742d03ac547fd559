-- What a collections agency has of ours: its case for each placement, what was taken back, what was paid to it.

create table agency_case (           -- one for each placement that reached an agency
  seq             bigint not null generated always as identity,
  placement_key   text primary key,
  agency          text not null,     -- debitura, or csv for one that takes files
  case_id         text not null,     -- by the agency's own name
  subscription_id text not null,
  currency        text not null,
  kept_at         timestamptz not null default now(),
  closed_as       text,              -- the agency's own word, once it has closed the case
  unique (agency, case_id)
);
create index agency_case_by_subscription on agency_case (subscription_id);

create table agency_case_line (
  placement_key text not null references agency_case (placement_key),
  invoice       text not null,
  minor         bigint not null check (minor > 0),
  primary key (placement_key, invoice)
);

create table agency_recall (         -- what the agency was told not to collect any more
  key             text primary key,
  placement_key   text references agency_case (placement_key),  -- null: no case held that invoice when it came
  subscription_id text not null,
  invoice         text not null,
  minor           bigint not null check (minor > 0),
  at              timestamptz not null,
  kept_at         timestamptz not null default now()
);
create index agency_recall_by_invoice on agency_recall (subscription_id, invoice);

create table agency_payment (        -- what the agency says was paid, once each
  agency        text not null,
  payment_id    text not null,       -- by the agency's own name
  placement_key text not null references agency_case (placement_key),
  minor         bigint not null check (minor > 0),
  counted_minor bigint not null check (counted_minor between 0 and minor),  -- of it, what was owed to us
  kept_at       timestamptz not null default now(),
  undone_at     timestamptz,         -- the agency has taken its word back
  primary key (agency, payment_id)
);
create index agency_payment_by_case on agency_payment (placement_key);
