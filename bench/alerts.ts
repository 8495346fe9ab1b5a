import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { Agent, request } from 'undici';
import { Alerts } from '../src/config/alerts.ts';
import { Service } from '../src/config/schema.ts';
import { startEmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.ts';
import type { IncidentDeps } from '../src/incidents/deps.ts';
import { openIncident } from '../src/incidents/open-incident.ts';
import { type Database, migrate, openDatabase } from '../src/store/database.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { mountAlerts } from '../src/webhooks/alerts-edge.ts';
import { inTemporaryDirectory } from './temporary.ts';

const ALERTS = 10_000;
const SECONDS = 60;
const SERIES = 500;
const TOKEN = 'the token of the bench';
