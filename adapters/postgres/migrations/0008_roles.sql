-- Who may do what: docs/security.md. The tables belong to whoever migrates; a program's login is a member of one of
-- these roles and owns nothing, so it can neither change the tables nor switch their triggers off. Rights are by column
-- where rows are kept for ever: the instant at which a row was written, and its place, are the database's own.
-- The books of the simulated parties: adapters/simulated/migrations. Every table has its row in tests/secrets.

-- Roles belong to the whole server: another database of it may have made them already, or may be doing so just now.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['perennial_worker', 'perennial_support', 'perennial_reader'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I nologin', wanted);
      exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
          raise exception 'role % does not exist and % may not make it', wanted, current_user
            using errcode = 'insufficient_privilege',
                  hint = format('As an administrator of the server: create role %I nologin; then start again.', wanted);
      end;
    end if;
  end loop;
end $$;

-- Everybody reads; those who only read see neither names, addresses, accounts nor payment tokens. -------------------

grant select on
  schema_migration, subscription, batch, ledger_entry, posting, allocation, invoice, payment, attempt, placement,
  message, usage, timeline, outbox, gateway_reference, report, support_task, bank_entry, bank_entry_part, mail_bounce,
  dead_letter_decision, agency_case, agency_case_line, agency_recall, agency_payment
to perennial_worker, perennial_support, perennial_reader;
grant select on customer, payment_method, unapplied to perennial_worker, perennial_support;
grant select (id, source, reference, subscription_id, client_number, minor, currency, channel, at, state, resolved_by,
              resolved_reason, resolved_at) on unapplied to perennial_reader;

-- A decision, as the worker writes it, and whoever speaks for a subscription that has ended. ------------------------

grant insert (key, subscription_id, digest) on batch to perennial_worker, perennial_support;
grant insert (key, subscription_id, at, what, by, because) on ledger_entry to perennial_worker, perennial_support;
grant insert (entry_key, line, account, minor, currency, payment) on posting to perennial_worker, perennial_support;
grant insert (subscription_id, reference, minor, channel, at) on payment to perennial_worker, perennial_support;
grant insert (subscription_id, number, at, what, fields, by, because) on timeline
  to perennial_worker, perennial_support;
grant insert (subscription_id, digest, signal, at) on message to perennial_worker, perennial_support;
grant insert (key, invoice, subscription_id, minor, at, because) on placement to perennial_worker, perennial_support;
grant insert (key, subscription_id, party, kind, body, at, because, state, not_before) on outbox
  to perennial_worker, perennial_support;
grant update (state, attempts, last_error, sending_until, delivered_at) on outbox
  to perennial_worker, perennial_support;
grant insert (id, customer_id, client_number, policy, policy_version, plan, currency, timezone, standing, balance_minor,
              open_minor, credit_minor, placed_minor, next_at, next_what, attention, ended) on subscription
  to perennial_worker, perennial_support;
grant update (customer_id, client_number, policy, policy_version, plan, currency, timezone, standing, balance_minor,
              open_minor, credit_minor, placed_minor, next_at, next_what, attention, ended, updated_at) on subscription
  to perennial_worker, perennial_support;
grant insert (number, subscription_id, ordinal, status, amount_minor, open_minor, due_at, missed, body) on invoice
  to perennial_worker, perennial_support;
grant update (ordinal, status, amount_minor, open_minor, due_at, missed, body, updated_at) on invoice
  to perennial_worker, perennial_support;

-- Charges are the worker's alone. -----------------------------------------------------------------------------------

grant insert (charge_key, subscription_id, invoice, role, method, minor, currency, state) on attempt
  to perennial_worker;
grant update (state, reason, completed_at, absent_at) on attempt to perennial_worker;
grant insert (charge_key, gateway, reference, subscription_id) on gateway_reference to perennial_worker;

-- What others report: webhooks, statements, agency files, returned mails. -------------------------------------------

grant insert (source, id, what, subscription_id, signal, note, state) on report to perennial_worker, perennial_support;
grant update (times, state, taken_in_at, refused, note) on report to perennial_worker, perennial_support;
grant insert (subscription_id, role, gateway, payer, method, state, updated_at) on payment_method
  to perennial_worker, perennial_support;
grant update (gateway, payer, method, state, reason, updated_at) on payment_method
  to perennial_worker, perennial_support;
grant insert (source, reference, subscription_id, client_number, name, name_key, minor, currency, channel, at)
  on unapplied to perennial_worker, perennial_support;
grant update (state, resolved_by, resolved_reason, resolved_at) on unapplied to perennial_worker, perennial_support;
grant insert (key, account, kind, minor, currency, booked_on, value_on, bank_reference, group_reference, end_to_end_id,
              payer, fingerprint, keyed_by, file, format, outcome, why, client_number, returns) on bank_entry
  to perennial_worker, perennial_support;
grant update (outcome, why, done_at) on bank_entry to perennial_worker, perennial_support;
grant insert (entry_key, part, reference, subscription_id, invoice, minor) on bank_entry_part
  to perennial_worker, perennial_support;
grant insert (key, kind, status) on mail_bounce to perennial_worker, perennial_support;
grant insert (placement_key, agency, case_id, subscription_id, currency) on agency_case
  to perennial_worker, perennial_support;
grant update (closed_as) on agency_case to perennial_worker, perennial_support;
grant insert (placement_key, invoice, minor) on agency_case_line to perennial_worker, perennial_support;
grant insert (key, placement_key, subscription_id, invoice, minor, at) on agency_recall
  to perennial_worker, perennial_support;
grant insert (agency, payment_id, placement_key, minor, counted_minor) on agency_payment
  to perennial_worker, perennial_support;
grant update (undone_at) on agency_payment to perennial_worker, perennial_support;
grant insert (key, subscription_id, kind, text) on support_task to perennial_worker, perennial_support;
grant update (done_by, done_reason, done_at) on support_task to perennial_worker, perennial_support;

-- What only people and the platform's hand do: customers, usage, dead letters. --------------------------------------

grant insert (id, client_number, name, name_key, email, locale, phone, address) on customer to perennial_support;
grant update (client_number, name, name_key, email, locale, phone, address, updated_at) on customer
  to perennial_support;
grant insert (tenant), update (tenant) on subscription to perennial_support;
grant insert (subscription_id, on_date, kind) on usage to perennial_support;
grant insert (key, decision, by, reason, error) on dead_letter_decision to perennial_support;
grant update (seq) on outbox to perennial_support;

-- What was compared with the parties' own books: observations, which are brought up to date. ------------------------

grant select on reconciliation, reconciliation_pair, difference, reconciliation_place
  to perennial_worker, perennial_support, perennial_reader;
grant insert, update on reconciliation, reconciliation_pair, difference, reconciliation_place
  to perennial_worker, perennial_support;

-- A posting comes with its entry or not at all: two more that balance would change the past without unbalancing it. --

create or replace function entry_must_balance() returns trigger language plpgsql as $$
declare
  of_entry   text;
  lines      bigint;
  currencies bigint;
  total      numeric;
  written_at timestamptz;
begin
  if tg_table_name = 'posting' then of_entry := new.entry_key; else of_entry := new.key; end if;
  select count(*), count(distinct currency), coalesce(sum(minor), 0) into lines, currencies, total
    from posting where entry_key = of_entry;
  if lines < 2 or currencies <> 1 or total <> 0 then
    raise exception 'ledger entry % does not balance: % postings in % currencies sum to %, expected 2+ in 1 and 0',
      of_entry, lines, currencies, total using errcode = 'check_violation';
  end if;
  if tg_table_name = 'posting' then
    select recorded_at into written_at from ledger_entry where key = of_entry;
    if written_at <> now() then   -- both are the instant at which their transaction began
      raise exception 'ledger entry % was written before, at %: nothing is added to it; write a correcting entry',
        of_entry, written_at using errcode = 'restrict_violation';
    end if;
  end if;
  return null;
end $$;
