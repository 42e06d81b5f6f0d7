import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { createBehaviourQueues } from './behaviours.ts';
import { registerControl } from './control.ts';
import type { Endpoint, VendorEndpoint } from './endpoints.ts';
import { handleCall } from './handle.ts';
import type { Json } from './json.ts';
import { createLedger } from './ledger.ts';
import { messages } from './profiles/anthropic.ts';
import { azure, azureV1 } from './profiles/azure.ts';
import { echo } from './profiles/echo.ts';
import { hubSpotContacts } from './profiles/hubspot.ts';
import { ollama } from './profiles/ollama.ts';
import { chat, models } from './profiles/openai.ts';
import { salesforceUpsert } from './profiles/salesforce.ts';
import { vllm } from './profiles/vllm.ts';
import { webhook } from './profiles/webhook.ts';
import { createReplays } from './replays.ts';

/** With its state, for tests in the same process. */
export interface SimulatorApp {
  app: FastifyInstance;
  queues: ReturnType<typeof createBehaviourQueues>;
  ledger: ReturnType<typeof createLedger>;
  /** Forgets behaviours, ledger, stored answers and contacts. */
  reset: () => void;
}

/** Does not listen. */
export function buildVendorSimulator(): SimulatorApp {
  const [queues, ledger, replays] = [createBehaviourQueues(), createLedger(), createReplays()];
  const [hubSpot, salesforce] = [hubSpotContacts(), salesforceUpsert()];
  const reset = () => {
    for (const part of [queues, ledger, replays, hubSpot, salesforce]) part.reset();
  };
  // Connections that hang on purpose must not delay the closing.
  const app = Fastify({ forceCloseConnections: true, bodyLimit: 4 * 1024 * 1024 });
  const { contacts, contact } = hubSpot;
  const vendors: Record<Endpoint, VendorEndpoint> = {
    ...{ chat, models, azure, azure_v1: azureV1, messages, ollama, vllm },
    ...{ contacts, contact, salesforce, webhook, echo },
  };
  for (const [name, endpoint] of Object.entries(vendors) as [Endpoint, VendorEndpoint][]) {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      handler: async (request, reply) => {
        reply.hijack();
        // A bug must not look like a hang.
        await serve(name, endpoint, { request, reply }).catch((error) => reply.raw.destroy(error));
      },
    });
  }
  registerControl(app, { queues, ledger, reset });
  return { app, queues, ledger, reset };

  async function serve(
    name: Endpoint,
    endpoint: VendorEndpoint,
    http: { request: FastifyRequest; reply: FastifyReply },
  ) {
    const { request, reply } = http;
    const body = (request.body ?? null) as Json;
    const idempotencyKey = headerOf(request, 'idempotency-key');
    const received = {
      endpoint: name,
      idempotencyKey,
      traceparent: headerOf(request, 'traceparent'),
      receivedAt: new Date().toISOString(),
      authorizationPresent: CREDENTIALS.some((header) => request.headers[header] !== undefined),
      body,
    };
    await handleCall(
      { queues, replays },
      {
        name,
        endpoint,
        call: {
          ...{ method: request.method, body, headers: request.headers },
          params: request.params as Record<string, string>,
          query: request.query as Record<string, string>,
        },
        idempotencyKey,
        response: reply.raw,
        noted: (handled) => ledger.add({ ...received, ...handled }),
      },
    );
  }
}

const CREDENTIALS = ['authorization', 'x-api-key', 'api-key'];

function headerOf(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}
