// The mesh as the stream tells it. Values are never changed in place: whoever holds an old one sees that it is.
import { batch, computed, signal } from "@preact/signals";

/** All nodes by id; another Map whenever one of them changed. Values are NodeView of the API. */
export const nodes = signal(new Map());
/** Rollouts under way and the latest that are over, by id (RolloutSummary). */
export const rollouts = signal(new Map());
/** Alerts that are pending or firing, by id (AlertView). */
export const alerts = signal(new Map());
/** The latest events, newest first, 200 at most (EventView). */
export const events = signal([]);
/** {own_id, mesh_connected, alarms}; null before the first snapshot. */
export const gateway = signal(null);
/** Grows by one when what the dashboard keeps for all (positions, saved views) was changed by somebody. */
export const dashboardChanges = signal(0);
/** Grows by one with each snapshot after the first: so much was missed that nothing asked for before is sure. */
export const snapshots = signal(0);

const EVENTS_MAX = 200;

/** The nodes that are in the mesh. */
export const online = computed(() => [...nodes.value.values()].filter((node) => node.online));
/** Alerts that people are to see: firing, the loudest first. */
export const firing = computed(() =>
  [...alerts.value.values()].filter((alert) => alert.state === "firing").sort(byLoudness),
);

const SEVERITIES = ["critical", "warning", "info"];
const byLoudness = (a, b) =>
  Boolean(a.quiet) - Boolean(b.quiet) ||
  SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
  b.since_at.localeCompare(a.since_at);

/** The name of a node as people read it: the user's name, else its id. */
export function nameOf(id) {
  return nodes.value.get(id)?.name || String(id);
}

/** Take a message of the stream. */
export function take(message) {
  batch(() => (message.type === "snapshot" ? begin(message) : change(message.changes)));
}

/** Forget all, as after a log-out. */
export function forget() {
  batch(() => {
    gateway.value = null;
    for (const map of [nodes, rollouts, alerts]) map.value = new Map();
    events.value = [];
  });
}

function begin(message) {
  if (gateway.peek()) snapshots.value += 1;
  gateway.value = { own_id: message.own_id, mesh_connected: message.mesh_connected, alarms: message.alarms };
  nodes.value = byId(message.nodes);
  rollouts.value = byId(message.rollouts);
  alerts.value = byId(message.alerts);
}

const byId = (items) => new Map(items.map((item) => [item.id, item]));

function change(changes) {
  const copies = new Map();
  const copy = (map) => {
    if (!copies.has(map)) copies.set(map, new Map(map.value));
    return copies.get(map);
  };
  const put = (map, id, value) => (value === null ? copy(map).delete(id) : copy(map).set(id, value));
  const news = [];
  for (const { kind, id, value } of changes) {
    if (kind === "node") put(nodes, id, value);
    else if (kind === "rollout") put(rollouts, id, value);
    else if (kind === "alert") put(alerts, id, value?.state === "resolved" ? null : value);
    else if (kind === "gateway") gateway.value = value;
    else if (kind === "event") news.unshift(value);
    else if (kind === "dashboard") dashboardChanges.value += 1;
  }
  for (const [map, changed] of copies) map.value = changed;
  if (news.length) events.value = [...news, ...events.value].slice(0, EVENTS_MAX);
}
