-- Up Migration

-- The canvas of a channel that the bot has made; one that people have made is not touched.
create table channel_canvases (
  channel text primary key,
  canvas_id text not null,
  made_at timestamptz not null default clock_timestamp()
);
