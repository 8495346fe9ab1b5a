#!/usr/bin/env node
// The sources run as they are: no build step between a clone and a start.
import { register } from 'tsx/esm/api';

register();
await import('../src/cli.ts');
