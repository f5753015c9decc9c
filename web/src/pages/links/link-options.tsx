import { redirectKinds, type Link } from '../../api/types';
import { Checkbox } from '../../components/checkbox';
import { Field } from '../../components/field';
import { Select } from '../../components/select';
import type { LinkFields } from '../../lib/link-form';

const meanings = {
  301: '301 moved permanently',
  302: '302 found',
  307: '307 temporary, same method',
  308: '308 permanent, same method',
} as const;

const redirectOptions = redirectKinds.map((kind) => ({
  value: String(kind),
  label: meanings[kind],
}));

interface LinkOptionsProps {
  fields: LinkFields;
  onChange: (change: Partial<LinkFields>) => void;
  /** The link to be changed; absent for one to be made, whose address is still open. */
  of?: Link;
}

/** Everything about a link but where it leads. */
export function LinkOptions({ fields, onChange, of }: LinkOptionsProps) {
  return (
    <div className="form">
      <div className="form-grid">
        {!of && <AddressFields fields={fields} onChange={onChange} />}
        <Field label="Title" value={fields.title} onValue={(title) => onChange({ title })} />
        <Field
          label="Tags"
          value={fields.tags}
          onValue={(tags) => onChange({ tags })}
          hint="Separated by commas."
        />
        <DateFields fields={fields} onChange={onChange} />
        <Field
          label="Most visits"
          type="number"
          min={1}
          step={1}
          value={fields.maxVisits}
          onValue={(maxVisits) => onChange({ maxVisits })}
          hint="After that it leads nowhere."
        />
        <Field
          label={of?.passwordProtected ? 'New password' : 'Password'}
          type="password"
          autoComplete="new-password"
          value={fields.password}
          onValue={(password) => onChange({ password })}
          hint="Asked of everyone who follows it."
        />
        <Select
          label="Redirect"
          value={fields.redirect}
          onValue={(redirect) => onChange({ redirect })}
          options={of ? redirectOptions : [{ value: '', label: 'Default' }, ...redirectOptions]}
        />
      </div>
      <Switches fields={fields} onChange={onChange} {...(of ? { of } : {})} />
    </div>
  );
}

function AddressFields({ fields, onChange }: LinkOptionsProps) {
  return (
    <>
      <Field
        label="Alias"
        value={fields.alias}
        onValue={(alias) => onChange({ alias })}
        hint="The end of the short address, instead of a code."
      />
      <Field
        label="Domain"
        value={fields.domain}
        onValue={(domain) => onChange({ domain })}
        hint="One of your own domains."
      />
    </>
  );
}

function DateFields({ fields, onChange }: LinkOptionsProps) {
  return (
    <>
      <Field
        label="Starts"
        type="datetime-local"
        value={fields.validFrom}
        onValue={(validFrom) => onChange({ validFrom })}
        hint="In your time zone."
      />
      <Field
        label="Expires"
        type="datetime-local"
        value={fields.expires}
        onValue={(expires) => onChange({ expires })}
        hint="Else 6 months after its last use."
      />
    </>
  );
}

function Switches({ fields, onChange, of }: LinkOptionsProps) {
  return (
    <div className="form-grid">
      <Checkbox
        label="Pass the query on"
        hint="What follows ? in the short address is added to the long one."
        checked={fields.forwardQuery}
        onChecked={(forwardQuery) => onChange({ forwardQuery })}
      />
      {!of && (
        <Checkbox
          label="A link of its own"
          hint="Even if this address already has a short link."
          checked={fields.private}
          onChecked={(value) => onChange({ private: value })}
        />
      )}
      {of?.passwordProtected && (
        <Checkbox
          label="Remove the password"
          hint="Everyone may follow the link again."
          checked={fields.dropPassword}
          onChecked={(dropPassword) => onChange({ dropPassword })}
        />
      )}
    </div>
  );
}
