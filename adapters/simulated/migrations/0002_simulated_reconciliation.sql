-- When the gateway kept a charge, in real time: its list of charges goes by it, as a real one's does.
alter table simulated_charge add column kept_at timestamptz not null default now();
