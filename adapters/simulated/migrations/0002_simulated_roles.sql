-- Whoever tells the outside parties writes their simulated books; what they answer is scripted by the tables' owner.
-- The roles are made by the books' own migrations, which come first.

grant select on
  simulated_gateway_rule, simulated_gateway_fault, simulated_charge, simulated_ask, simulated_command,
  simulated_refusal
to perennial_worker, perennial_support, perennial_reader;
grant select on simulated_mail, simulated_case to perennial_worker, perennial_support;

grant insert on simulated_charge, simulated_ask, simulated_mail, simulated_command, simulated_case
  to perennial_worker, perennial_support;
grant update (asked) on simulated_ask to perennial_worker, perennial_support;
grant update (sent) on simulated_mail to perennial_worker, perennial_support;
grant update (sent) on simulated_command to perennial_worker, perennial_support;
grant update (sent) on simulated_case to perennial_worker, perennial_support;
grant update (left_over) on simulated_refusal to perennial_worker, perennial_support;
