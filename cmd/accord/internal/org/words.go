package org

var firstNames = []string{
	"Anna", "Moses", "Zoë", "Søren", "Priya", "Kwame", "Mei", "José", "Ingrid", "Tariq", "Oluwaseun", "Chloé", "Łukasz",
	"Fatima", "Noah", "Yuki", "Björn", "Aoife", "Dmitri", "Carmen", "Leilani", "Håkon", "Renée", "Vikram",
}

var lastNames = []string{
	"Snelling", "O'Neill", "García", "Müller", "Nakamura", "van der Berg", "Okafor", "Åkesson", "Lampkin", "Dvořák",
	"D'Angelo", "Schlecht", "Nguyễn", "Hart-Davis", "Costa", "Kowalczyk", "Ben-Ami", "Singh", "Frase", "Iversen",
}

var timeZones = []string{
	"America/Los_Angeles", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Asia/Kolkata",
	"Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Auckland",
}

var companyRoots = []string{
	"Acme", "Cancity", "Isdom", "Codehow", "Hatfan", "Ron-tech", "Betasoloin", "Zencorporation", "Plexzap", "Streethex",
	"Warephase", "Xx-holding", "Conecom", "Dambase", "Nordlicht", "Finhigh", "Kinnamplus", "Rundofase", "Scotfind", "Tréfle",
	"山本商事", "Ωmega", "Lexiqvolax", "Umbrella & Sons", "Globex",
}

var companyEndings = []string{"", "", "", " Inc.", " GmbH", " Ltd", " S.A.", " AG", " Pty Ltd", ", LLC"}

var industries = []string{
	"Agriculture", "Banking", "Biotechnology", "Construction", "Consulting", "Education", "Electronics", "Energy",
	"Engineering", "Healthcare", "Hospitality", "Manufacturing", "Media", "Retail", "Technology", "Transportation",
}

var cities = []string{"Berlin", "São Paulo", "Köln", "Springfield", "Kathmandu", "Auckland", "Lyon", "Łódź", "Oslo", "Nairobi"}

var countries = []string{"Germany", "Brazil", "United States", "Nepal", "New Zealand", "France", "Poland", "Norway", "Kenya"}

var products = []string{"GTX Basic", "GTX Pro", "GTX Plus", "MG Special", "MG Advanced", "Data Mart", "Onboarding", "Support renewal"}

// stages repeat what is common: nearly half of all deals are won.
var stages = []string{
	"Prospecting", "Qualification", "Negotiation/Review", "Negotiation/Review", "Closed Lost", "Closed Lost", "Closed Lost",
	"Closed Won", "Closed Won", "Closed Won", "Closed Won", "Closed Won", "Closed Won",
}

var nextSteps = []string{
	"Call back Tuesday", "Send the quote, then wait", "Ask for \"security\" review", "Legal — redlines", "¿Presupuesto?",
	"Demo on site", "مراجعة العقد", "Decide by quarter's end",
}

var leadSources = []string{"Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"}
