-- Mails that came back, once for each mail and kind. Whom they were for stands in the customer's record alone.

create table mail_bounce (
  seq             bigint generated always as identity,
  key             text not null references outbox (key),
  kind            text not null check (kind in ('hard', 'soft', 'delayed')),
  status          text not null,     -- the enhanced status code, such as 5.1.1
  received_at     timestamptz not null default now(),
  primary key (key, kind)
);

-- A bounce quotes the Message-ID: the first 32 digits of the key's SHA-256. Keys are ASCII without backslashes.
create index outbox_by_message_id on outbox (left(encode(sha256(key::bytea), 'hex'), 32)) where party = 'mail';
