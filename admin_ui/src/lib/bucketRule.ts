/** The server's rules for buckets, so that the form can say them before anything is sent. */

const NAME = /^[A-Za-z0-9_!.*'() &$@=;:+,?-]{1,100}$/;
const MIME = /^(\*|[\w!#$&^.+-]+\/(\*|[\w!#$&^.+-]+))$/;

export const NAME_RULE = "1 to 100 letters, digits, inner spaces and _ ! . * ' ( ) & $ @ = ; : + , ? -";

/** Return why a bucket may not be called `name`; null when it may. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'A bucket needs a name.';
  if (name !== name.trim()) return 'A name does not begin or end with a space.';
  if (name === '.' || name === '..' || name.endsWith('--table-s3')) return 'This name is reserved.';
  return NAME.test(name) ? null : `Use ${NAME_RULE}.`;
}

/** Return why `type` is no type of content or pattern of one; null when it is. */
export function mimeProblem(type: string): string | null {
  return MIME.test(type) ? null : 'Use type/subtype, such as image/png, or a pattern, such as image/*.';
}
