import type { Ports } from './ports.ts';
import { replicaNames, SERVICES, type ServiceName } from './services.ts';

export interface PlannedService {
  service: ServiceName;
  name: string;
  opsPort: number;
  httpPort: number | undefined;
}

export interface Plan {
  services: PlannedService[];
  ingressUrls: string[];
  callbackUrl: string;
}

export const urlOf = (port: number | undefined): string => `http://127.0.0.1:${port}`;

/** Fixes every address before the start, so a restart keeps it and WordPress knows it early. */
export async function planPorts(ports: Ports, replicas: Partial<Record<ServiceName, number>>): Promise<Plan> {
  const services: PlannedService[] = [];
  for (const service of SERVICES) {
    for (const name of replicaNames(service, replicas[service] ?? 1)) {
      const httpPort = service === 'enricher' ? undefined : await ports.of(name);
      services.push({ service, name, httpPort, opsPort: await ports.of(`${name}.ops`) });
    }
  }
  const urls = (of: ServiceName) =>
    services.filter(({ service }) => service === of).map(({ httpPort }) => urlOf(httpPort));
  return { services, ingressUrls: urls('ingress'), callbackUrl: urls('callback')[0] ?? '' };
}
