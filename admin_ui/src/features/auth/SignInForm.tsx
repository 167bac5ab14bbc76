import { useMutation } from '@tanstack/react-query';
import { useState, type SubmitEvent } from 'react';
import { signIn } from '../../api/mutations';
import type { Session } from '../../api/types';
import { hasEnded, readToken } from '../../lib/jwt';
import { Button } from '../../ui/Button';
import { SecretField } from '../../ui/Field';
import { FormError } from '../../ui/FormError';
import { Segments } from '../../ui/Segments';
import { Time } from '../../ui/Time';

const KINDS = [
  { value: 'key', label: 'Service key' },
  { value: 'jwt', label: 'User JWT' },
] as const;

export type Kind = (typeof KINDS)[number]['value'];

interface SignInFormProps {
  /** What is asked for first. */
  initial?: Kind;
  onSignedIn: (session: Session) => void;
}

/** Trades a key or a token for a session. What was typed is forgotten as soon as it worked. */
export function SignInForm({ initial = 'key', onSignedIn }: SignInFormProps) {
  const [kind, setKind] = useState<Kind>(initial);
  const [token, setToken] = useState('');
  const attempt = useMutation({
    mutationFn: signIn,
    onSuccess: (session) => {
      setToken('');
      onSignedIn(session);
    },
  });
  const choose = (chosen: Kind) => {
    attempt.reset();
    setKind(chosen);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (token.trim() && !attempt.isPending) attempt.mutate(token.trim());
  };
  return (
    <form className="stack" onSubmit={submit}>
      <Segments label="Sign in with" value={kind} options={KINDS} onChange={choose} />
      <SecretField
        label={kind === 'key' ? 'Service key' : 'JWT of a user'}
        hint={kind === 'key' ? <KeyHint /> : 'You will see what policies let this user see.'}
        name="token"
        autoComplete="off"
        autoFocus
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      {kind === 'jwt' && token.trim() !== '' && <TokenFacts token={token} />}
      <FormError error={attempt.error} />
      <Button type="submit" tone="primary" busy={attempt.isPending} disabled={token.trim() === ''}>
        {attempt.isPending ? 'Signing in…' : 'Sign in'}
      </Button>
    </form>
  );
}

function KeyHint() {
  return (
    <>
      It sees and may do everything. <code>aerostore serve --show-keys</code> prints one.
    </>
  );
}

function TokenFacts({ token }: { token: string }) {
  const view = readToken(token);
  if (!view) return <p className="small muted">This is not a JWT: it needs three parts with dots between.</p>;
  return (
    <dl className="facts small">
      <dt>Role</dt>
      <dd>{view.role}</dd>
      <dt>Subject</dt>
      <dd className="mono">{view.sub ?? 'none'}</dd>
      <dt>Ends</dt>
      <dd>
        {view.expires ? <Time at={view.expires.toISOString()} /> : 'never'}
        {hasEnded(view) && <strong className="field-error"> It has ended.</strong>}
      </dd>
    </dl>
  );
}
