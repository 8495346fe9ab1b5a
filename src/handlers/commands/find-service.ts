import { unknownServiceText, whichServiceText } from '../../blocks/command-answers.ts';
import type { NamedService } from '../../config/schema.ts';
import type { IncidentDeps } from '../../incidents/deps.ts';
import { nearest } from '../nearest.ts';
import { servicesOf, type Use } from './command.ts';

/** The service that a word means, no word being that of the channel; or the private answer when it means none. */
export function findService(use: Use, word = ''): NamedService | { text: string } {
  const named = word.toLowerCase();
  const service = named === '' ? serviceHere(use.deps, use.asked.channel) : use.deps.services.get(named);
  if (service) return service;
  const services = servicesOf(use);
  if (named === '') return { text: whichServiceText(services) };
  const near = nearest(
    named,
    services.map(({ id }) => id),
  );
  return { text: unknownServiceText(word, near, services) };
}

/** The only service there is, or the one that this channel belongs to. */
export function serviceHere(deps: IncidentDeps, channel: string): NamedService | null {
  const services = [...deps.services.values()];
  const here = services.filter((service) => service.channel === channel);
  const [only, ...others] = services.length === 1 ? services : here;
  return only && others.length === 0 ? only : null;
}
