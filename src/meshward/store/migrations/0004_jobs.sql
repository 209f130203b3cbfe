-- The job of another program that a rollout is, so that a job asked for twice is done once.
ALTER TABLE rollout ADD COLUMN job TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX rollout_job ON rollout (job) WHERE job <> '';
