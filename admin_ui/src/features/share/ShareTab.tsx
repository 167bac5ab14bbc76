import { useQuery } from '@tanstack/react-query';
import { Copy } from 'lucide-react';
import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import { addressOf } from '../../api/client';
import { type ObjectAddress, publicAddress, signObject } from '../../api/objects';
import { bucketQuery, configQuery } from '../../api/queries';
import type { SignedLink } from '../../api/types';
import { labelOf } from '../../lib/keys';
import { Notice } from '../../ui/Badge';
import { Button, IconButton } from '../../ui/Button';
import { useCopy, writeClipboard } from '../../ui/copy';
import { SelectField, TextField } from '../../ui/Field';
import { FormError } from '../../ui/FormError';
import { Segments } from '../../ui/Segments';
import { Switch } from '../../ui/Switch';
import { Time } from '../../ui/Time';
import { toast } from '../../ui/Toast';
import { type Expiry, PRESETS, secondsOf, UNITS } from './expiry';
import './share.css';

interface Download {
  isOn: boolean;
  name: string;
}

/** Makes links that anybody can open: for a while, or, in a public bucket, for ever. */
export function ShareTab({ bucket, name }: { bucket: string; name: string }) {
  const address = { bucket, name };
  const [expiry, setExpiry] = useState<Expiry>({ preset: '3600', amount: '12', unit: 'hours' });
  const [download, setDownload] = useState<Download>({ isOn: false, name: labelOf(name) });
  const [link, setLink] = useState<SignedLink | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [pending, setPending] = useState(false);
  const seconds = secondsOf(expiry);
  const sign = (event: SubmitEvent) => {
    event.preventDefault();
    if (typeof seconds === 'string' || pending) return;
    setPending(true);
    setFailure(null);
    signObject(address, seconds, download.isOn ? download.name.trim() : null)
      .then(setLink, setFailure)
      .finally(() => setPending(false));
  };
  return (
    <div className="stack share">
      <PublicUrl address={address} />
      <form className="stack" onSubmit={sign} noValidate>
        <h3>Signed URL</h3>
        <ExpiryChoice expiry={expiry} seconds={seconds} onChange={setExpiry} />
        <DownloadChoice download={download} onChange={setDownload} />
        <div>
          <Button type="submit" tone="primary" disabled={typeof seconds === 'string' || pending}>
            {pending ? 'Signing…' : 'Create signed URL'}
          </Button>
        </div>
      </form>
      <FormError error={failure} />
      {link && <Result key={link.url} link={link} />}
    </div>
  );
}

function PublicUrl({ address }: { address: ObjectAddress }) {
  const { data: bucket } = useQuery(bucketQuery(address.bucket));
  const { data: config } = useQuery(configQuery);
  const copy = useCopy();
  if (!bucket?.public) return null;
  const url = publicAddress(address, config?.public_url ?? null);
  return (
    <div className="stack">
      <h3>Public URL</h3>
      <p className="muted">This bucket is public: everybody who knows this address can read the object.</p>
      <div className="input-row">
        <input className="input mono" aria-label="Public URL" readOnly value={url} />
        <IconButton icon={Copy} label="Copy public URL" onClick={() => copy(url, 'Public URL copied')} />
      </div>
    </div>
  );
}

interface ExpiryChoiceProps {
  expiry: Expiry;
  seconds: number | string;
  onChange: (expiry: Expiry) => void;
}

function ExpiryChoice({ expiry, seconds, onChange }: ExpiryChoiceProps) {
  return (
    <>
      <Segments
        label="How long it works"
        value={expiry.preset}
        options={PRESETS}
        onChange={(preset) => onChange({ ...expiry, preset })}
      />
      {expiry.preset === 'custom' && (
        <div className="input-row">
          <TextField
            label="For"
            inputMode="decimal"
            value={expiry.amount}
            error={typeof seconds === 'string' ? seconds : null}
            onChange={(event) => onChange({ ...expiry, amount: event.target.value })}
          />
          <SelectField
            label="Unit"
            value={expiry.unit}
            options={UNITS}
            onChange={(unit) => onChange({ ...expiry, unit })}
          />
        </div>
      )}
      {typeof seconds === 'number' && <Expires seconds={seconds} />}
    </>
  );
}

/** The date moves on with the clock while the form is open. */
function Expires({ seconds }: { seconds: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return <p className="muted small">It will expire on <Time at={new Date(now + seconds * 1000).toISOString()} />.</p>;
}

function DownloadChoice({ download, onChange }: { download: Download; onChange: (download: Download) => void }) {
  return (
    <>
      <Switch
        label="Save instead of showing"
        hint="The browser stores the object as a file under this name."
        checked={download.isOn}
        onChange={(isOn) => onChange({ ...download, isOn })}
      />
      {download.isOn && (
        <TextField
          label="Name of the file"
          hint="Empty is the object's own name."
          value={download.name}
          onChange={(event) => onChange({ ...download, name: event.target.value })}
        />
      )}
    </>
  );
}

/** The link, ready to be pasted. It says that it is copied only once it is. */
function Result({ link }: { link: SignedLink }) {
  const url = addressOf(link.url);
  const field = useRef<HTMLInputElement>(null);
  const [isCopied, setIsCopied] = useState<boolean | null>(null);
  useEffect(() => {
    field.current?.select();
    writeClipboard(url).then(
      () => {
        setIsCopied(true);
        toast({ tone: 'good', title: 'Signed URL copied' });
      },
      () => setIsCopied(false),
    );
  }, [url]);
  return (
    <div className="stack">
      <input ref={field} className="input mono" aria-label="Signed URL" readOnly value={url} />
      <p className="muted small">Expires on <Time at={link.expires_at} />.</p>
      {isCopied === false && (
        <Notice tone="warn">The browser did not allow copying. The address is selected: copy it with Ctrl+C.</Notice>
      )}
    </div>
  );
}
