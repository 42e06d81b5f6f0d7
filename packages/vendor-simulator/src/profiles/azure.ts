import { type Answer, type Call, type ErrorDetail, headerOf, jsonAnswer, type VendorEndpoint } from '../endpoints.ts';
import { member } from '../json.ts';
import { completeChat, messagesOf, numberOf } from './chat.ts';
import { contentText } from './completion.ts';
import { faultOf, refuse } from './openai-rules.ts';

/** By deployment: needs `api-version` and `api-key`, refuses a bearer key, ignores the body's model. */
export const azure: VendorEndpoint = {
  method: 'POST',
  path: '/azure/openai/deployments/:deployment/chat/completions',
  unauthorized: (call) => (headerOf(call, 'api-key') === undefined ? azureError(401) : undefined),
  answer: (call) => {
    if (!/^20\d\d-\d\d-\d\d(-preview)?$/.test(call.query['api-version'] ?? '')) return azureError(404);
    return complete(call, call.params.deployment ?? '');
  },
  error: azureError,
};

/** The newer address without versions, which takes the deployment as the model. */
export const azureV1: VendorEndpoint = {
  method: 'POST',
  path: '/azure/openai/v1/chat/completions',
  unauthorized: azure.unauthorized as NonNullable<VendorEndpoint['unauthorized']>,
  answer: (call) => complete(call, String(member(call.body, 'model') ?? '')),
  error: azureError,
};

// A deployment's name does not reveal its model.
const REASONING = 'thinker';
const ABSENT = /^absent/;

function complete(call: Call, deployment: string): Answer {
  if (ABSENT.test(deployment) || deployment === '') return azureError(404, { code: 'DeploymentNotFound' });
  const fault = faultOf(call.body, { isReasoning: deployment === REASONING });
  if (fault !== undefined) return refuse(400, fault);
  const said = messagesOf(call.body).map((message) => contentText(member(message, 'content')));
  if (call.says === 'filtered' || said.some((text) => text.includes('[violence]'))) return filtered();
  return completeChat(
    call,
    deployment,
    numberOf(call.body, 'max_completion_tokens') ?? numberOf(call.body, 'max_tokens'),
  );
}

/** A filtered prompt is refused; only a filtered answer comes as a completion. */
function filtered(): Answer {
  const safe = { filtered: false, severity: 'safe' };
  const content_filter_result = {
    ...{ hate: safe, self_harm: safe, sexual: safe, jailbreak: { filtered: false, detected: false } },
    violence: { filtered: true, severity: 'medium' },
  };
  const innererror = { code: 'ResponsibleAIPolicyViolation', content_filter_result };
  const message =
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766";
  return jsonAnswer(400, {
    error: { message, type: null, param: 'prompt', code: 'content_filter', status: 400, innererror },
  });
}

const MESSAGES: Record<string, string> = {
  401: 'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
  404: 'Resource not found',
  429: 'Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your current pricing tier. Please retry after 1 second.',
  DeploymentNotFound:
    'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
};

function azureError(status: number, { message, code = String(status) }: ErrorDetail = {}): Answer {
  const error = { code, message: message ?? MESSAGES[code] ?? '[simulated] error' };
  const answer = jsonAnswer(status, { error });
  return status === 429
    ? { ...answer, headers: { ...answer.headers, 'retry-after': '1', 'retry-after-ms': '1000' } }
    : answer;
}
