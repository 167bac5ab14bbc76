import type { ConditionPart, ExplainStep, Explanation, PolicyJudgement } from '../../api/types';
import { Badge, type BadgeTone } from '../../ui/Badge';

/** A verdict, why it is so, and what each policy said on the way. */
export function ExplanationView({ explanation }: { explanation: Explanation }) {
  const { allowed, decided_by: decision, hint, remark, steps } = explanation;
  return (
    <div className="stack">
      <div className="verdict" data-allowed={allowed}>
        <h2>{verdictOf(explanation)}</h2>
        <p>{decision.sentence}</p>
      </div>
      {hint && (
        <p>
          <strong>What would allow it:</strong> {hint}
        </p>
      )}
      {remark && <p className="muted">{remark}</p>}
      <ClientAnswer http={explanation.http} />
      {steps.length > 0 && (
        <ol className="steps" aria-label="Steps">
          {steps.map((step, index) => (
            <li key={`${step.command} ${step.table} ${step.row_is} ${step.why}`}>
              <StepCard step={step} number={index + 1} decides={decision.step === index + 1} />
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

function verdictOf({ allowed, decided_by: { kind, policies } }: Explanation): string {
  if (allowed) return 'Allowed';
  if (kind === 'policy' && policies.length > 0) return `Denied by ${policies.map((name) => `"${name}"`).join(', ')}`;
  if (kind === 'policy' || kind === 'no policy' || kind === 'policy error') return 'Denied by default';
  return 'Refused before policies';
}

function ClientAnswer({ http }: Pick<Explanation, 'http'>) {
  return (
    <details>
      <summary>The client gets status {http.status}</summary>
      <pre tabIndex={0} aria-label="Body of the answer">
        {http.body === null ? 'The answer of the operation' : JSON.stringify(http.body, null, 2)}
      </pre>
    </details>
  );
}

function StepCard({ step, number, decides }: { step: ExplainStep; number: number; decides: boolean }) {
  return (
    <article className="card">
      <div className="cluster">
        <h3 className="grow">
          {number}. {step.command.toUpperCase()} on {step.table}, the {step.row_is} row
        </h3>
        {decides && <Badge tone="warn">this decides</Badge>}
        <Badge tone={step.passed ? 'good' : 'danger'}>{step.passed ? 'passed' : 'refused'}</Badge>
      </div>
      <p>{step.why}</p>
      <p className="muted">{step.combined}</p>
      <details>
        <summary>The row, as policies see it</summary>
        <pre tabIndex={0} aria-label="Row">
          {JSON.stringify(step.row, null, 2)}
        </pre>
      </details>
      {step.policies.map((policy) => (
        <PolicyVerdict key={policy.name} policy={policy} />
      ))}
    </article>
  );
}

function PolicyVerdict({ policy }: { policy: PolicyJudgement }) {
  return (
    <div className={policy.applies ? 'stack' : 'stack muted'}>
      <div className="cluster">
        <strong>{policy.name}</strong>
        {!policy.permissive && <Badge tone="warn">restrictive</Badge>}
        <Badge tone={toneOf(policy)}>{policy.applies ? resultOf(policy) : 'does not apply'}</Badge>
        {policy.source && <span className="small mono muted">{policy.source}</span>}
      </div>
      <p className="small">
        {policy.reason}
        {policy.comment && ` · ${policy.comment}`}
      </p>
      {policy.part ? (
        <ul className="condition-tree">
          <ConditionNode part={policy.part} />
        </ul>
      ) : (
        policy.applies && policy.expression && <code>{policy.expression}</code>
      )}
    </div>
  );
}

const JOINED = { and: 'all of', or: 'any of', not: 'not', condition: '' };

function ConditionNode({ part }: { part: ConditionPart }) {
  return (
    <li>
      <Badge tone={toneOfValue(part.value)}>{part.value}</Badge>{' '}
      {part.parts.length > 0 ? JOINED[part.kind] : <code>{part.expression}</code>}
      {part.operands.map((operand) => (
        <div key={operand.expression} className="small muted">
          <code>{operand.expression}</code> is <code>{operand.value}</code>
        </div>
      ))}
      {part.parts.length > 0 && (
        <ul className="condition-tree">
          {part.parts.map((each, index) => (
            <ConditionNode key={`${index} ${each.expression}`} part={each} />
          ))}
        </ul>
      )}
    </li>
  );
}

function resultOf({ result }: PolicyJudgement): string {
  return result === null ? 'null, which is no' : String(result);
}

function toneOf({ applies, result }: PolicyJudgement): BadgeTone {
  if (!applies) return 'default';
  return result === true ? 'good' : 'danger';
}

function toneOfValue(value: string): BadgeTone {
  if (value === 'true') return 'good';
  return value === 'false' || value.startsWith('error') ? 'danger' : 'default';
}
