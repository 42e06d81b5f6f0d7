import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { startTestNatsCluster, waitFor } from '@pressferry/testing';
import { applyStreams, onceElected, openConnection } from '../src/index.ts';

const NOT_AVAILABLE = 10008;

test('streams applied to a cluster without a leader are made as soon as it has one', async () => {
  await using cluster = await startTestNatsCluster();
  await using connection = await openConnection({ url: cluster.urls[0] ?? '', name: 'test' });
  const manager = await jetstreamManager(connection.nats, { checkAPI: false, timeout: 1_000 });
  await Promise.all([cluster.kill(1), cluster.kill(2)]);
  const isLeaderless = (): Promise<boolean> =>
    manager.streams.info('EVENTS').then(
      () => false,
      (error: unknown) => error instanceof JetStreamApiError && error.code === NOT_AVAILABLE,
    );
  await waitFor(isLeaderless, { what: 'the last server to notice that it is alone' });

  const options = { ...STREAM_DEFAULTS, replicas: 3 };
  const applying = applyStreams(connection.nats, streamDefinitions(options), consumerDefinitions(options));
  await Promise.all([cluster.restart(1), cluster.restart(2)]);
  assert.ok((await applying).every(({ change }) => change === 'created'));
  assert.equal((await manager.streams.info('EVENTS')).config.num_replicas, 3);
});

test('an answer that time does not change is given at once, and a passing one after the time allowed', async () => {
  const answering = (code: number) => {
    let asked = 0;
    const ask = async (): Promise<never> => {
      asked++;
      throw new JetStreamApiError({ code: 503, err_code: code, description: 'refused' });
    };
    return { ask, asked: () => asked };
  };
  const lasting = answering(10059);
  await assert.rejects(onceElected(lasting.ask), JetStreamApiError);
  assert.equal(lasting.asked(), 1);
  const passing = answering(NOT_AVAILABLE);
  await assert.rejects(onceElected(passing.ask, 300), JetStreamApiError);
  assert.ok(passing.asked() >= 2);
});
