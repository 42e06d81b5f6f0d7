/** The vendors that the tests' automations name; `settings` are added to each. */
export const vendorsYaml = (settings = ''): string => `
vendors:
  llm:
    kind: llm
    provider: openai-compatible
    base_url_env: LLM_BASE_URL
    api_key_env: LLM_API_KEY
    model_env: LLM_MODEL
    retry: { base_ms: 20, cap_ms: 2000 }
    ${settings}
  crm:
    kind: http
    base_url_env: CRM_BASE_URL
    auth: { header: Authorization, prefix: 'Bearer ', value_env: CRM_API_KEY }
    retry: { base_ms: 20, cap_ms: 2000 }
    ${settings}
`;

/** An automation of one llm step. */
export const SUMMARY = `
automations:
  - name: summarize-post
    on: [post.published]
    steps:
      - { name: summary, type: llm, vendor: llm, prompt: '{{ event.data.title }}: {{ event.data.content }}' }
    result:
      summary: '{{ steps.summary.output.text }}'
`;

/** An automation of two steps at two vendors. */
export const LEAD = `
automations:
  - name: lead-to-crm
    on: [form.submitted]
    steps:
      - { name: score, type: llm, vendor: llm, prompt: 'Rate: {{ event.data.fields.message }}' }
      - name: contact
        type: http
        vendor: crm
        path: /crm/v3/objects/contacts/batch/upsert
        body:
          inputs:
            - id: '{{ event.data.fields.email }}'
              idProperty: email
              properties: { email: '{{ event.data.fields.email }}', notes: '{{ steps.score.output.text }}' }
    result:
      contact_id: '{{ steps.contact.output.body.results[0].id }}'
      is_new: { $value: 'steps.contact.output.body.results[0].new' }
`;

export const FORM = {
  type: 'form.submitted',
  data: { form_id: '7', fields: { email: 'ada@example.com', message: 'How much is a "yearly" plan?' } },
};
