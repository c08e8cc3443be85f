package mondayemulator

const (
	uploadPath = "/bulk/upload/"
	reportPath = "/bulk/report/"
)
