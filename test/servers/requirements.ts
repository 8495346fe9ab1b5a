import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

// Imported from nowhere: `npm run test:servers` runs it before the tests, so that what is missing is one clear line.
interface Requirement {
  what: string;
  tests: string[];
  package: string;
  isThere(): boolean;
}

const POSTGRES_15 = '/usr/lib/postgresql/15/bin';

const REQUIREMENTS: Requirement[] = [
  {
    what: 'redis-server on the PATH',
    tests: [
      'test/servers/queue-redis.test.ts',
      'test/servers/redis.test.ts',
      'test/servers/redis-target.test.ts',
      'test/servers/celery.test.ts',
      'test/servers/debtflow-stack.test.ts',
    ],
    package: 'redis-server',
    isThere: () => spawnSync('redis-server', ['--version']).status === 0,
  },
  {
    what: `initdb and postgres in ${POSTGRES_15}`,
    tests: [
      'test/servers/postgres-15.test.ts',
      'test/servers/postgres-15-plans.test.ts',
      'test/servers/stack.test.ts',
    ],
    package: 'postgresql-15',
    isThere: () => ['initdb', 'postgres'].every((program) => existsSync(join(POSTGRES_15, program))),
  },
  {
    what: 'hypopg for PostgreSQL 15',
    tests: ['test/servers/postgres-15-plans.test.ts', 'test/servers/stack.test.ts'],
    package: 'postgresql-15-hypopg',
    isThere: () => existsSync('/usr/share/postgresql/15/extension/hypopg.control'),
  },
  {
    what: '/usr/sbin/sshd and ssh-keygen',
    tests: ['test/servers/host-ssh.test.ts', 'test/servers/stack.test.ts'],
    package: 'openssh-server',
    isThere: () => existsSync('/usr/sbin/sshd') && existsSync('/usr/bin/ssh-keygen'),
  },
  {
    what: '/usr/bin/gunicorn',
    tests: ['test/servers/gunicorn.test.ts', 'test/servers/stack.test.ts'],
    package: 'gunicorn',
    isThere: () => spawnSync('/usr/bin/gunicorn', ['--version']).status === 0,
  },
  {
    what: 'pgbouncer on the PATH',
    tests: [
      'test/servers/pgbouncer.test.ts',
      'test/servers/debtflow-stack.test.ts',
      'test/servers/stack.test.ts',
    ],
    package: 'pgbouncer',
    isThere: () => spawnSync('pgbouncer', ['--version']).status === 0,
  },
  ...['prometheus', 'prometheus-node-exporter'].map((program) => ({
    what: `${program} on the PATH`,
    tests: ['test/servers/node-exporter.test.ts', 'test/servers/stack.test.ts'],
    package: program,
    isThere: () => spawnSync(program, ['--version']).status === 0,
  })),
  {
    what: 'prometheus-alertmanager on the PATH',
    tests: ['test/servers/alertmanager.test.ts'],
    package: 'prometheus-alertmanager',
    isThere: () => spawnSync('prometheus-alertmanager', ['--version']).status === 0,
  },
  // Debian's Gunicorn runs Debian's Python, whichever comes first on the PATH.
  ...['psycopg2', 'redis', 'prometheus_client'].map((module) => ({
    what: `${module} for /usr/bin/python3`,
    tests: ['test/servers/stack.test.ts'],
    package: `python3-${module.replace('_', '-')}`,
    isThere: () => spawnSync('/usr/bin/python3', ['-c', `import ${module}`]).status === 0,
  })),
];

const missing = REQUIREMENTS.filter((requirement) => !requirement.isThere());
for (const { what, tests, package: name } of missing) {
  process.stderr.write(`missing: ${what}, needed by ${tests.join(', ')}: apt-get install ${name}\n`);
}
process.exitCode = missing.length > 0 ? 1 : 0;
