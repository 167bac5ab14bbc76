export interface TokenView {
  role: string;
  sub: string | null;
  expires: Date | null;
}

/** Read what a JWT says about itself, without checking it; null when it is no JWT. */
export function readToken(token: string): TokenView | null {
  const payload = token.trim().split('.')[1];
  if (token.trim().split('.').length !== 3 || !payload) return null;
  try {
    const claims: unknown = JSON.parse(decodeBase64Url(payload));
    return typeof claims === 'object' && claims !== null ? toView(claims as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function hasEnded({ expires }: TokenView, now = Date.now()): boolean {
  return expires !== null && expires.getTime() <= now;
}

function toView({ role, sub, exp }: Record<string, unknown>): TokenView {
  return {
    role: typeof role === 'string' ? role : 'none',
    sub: typeof sub === 'string' ? sub : null,
    expires: typeof exp === 'number' ? dateOf(exp * 1000) : null,
  };
}

/** Some write `exp` in units that no date can hold. */
function dateOf(milliseconds: number): Date | null {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? null : date;
}

function decodeBase64Url(text: string): string {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
}
