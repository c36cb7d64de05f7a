package line

import "errors"

// InUse says whether a line could not be opened because another program has it.
func InUse(err error) bool { return errors.Is(err, errInUse) }
